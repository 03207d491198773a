package peers

import (
	"net/netip"

	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
)

const device = 2

type sgfwEngine struct {
	engine *filter.Engine
	worker *filter.Worker
	event  filter.Event
}

func newSGFW(rules, maxFlows int) *sgfwEngine {
	list := make([]policy.Rule, rules)
	for i := range list {
		port, source := ruleOf(i)
		list[i] = policy.Rule{
			Index: i, Protocol: policy.TCP, From: int(port), To: int(port),
			Peer: policy.Peer{CIDR: source},
		}
	}
	p := &policy.Policy{
		Groups: []policy.Group{{Name: "all", Ingress: list}},
		Interfaces: []policy.Interface{{
			Device: "eth0", Groups: []string{"all"}, Timeouts: policy.DefaultTimeouts,
		}},
		Settings: policy.DefaultSettings,
	}
	rs := filter.Compile(p, nil).WithLinks([]member.Link{{Name: "eth0", Index: device}})
	return newWorker(filter.NewEngine(filter.Config{MaxFlows: maxFlows}, rs))
}

func newWorker(e *filter.Engine) *sgfwEngine {
	return &sgfwEngine{engine: e, worker: e.NewWorker()}
}

// decide parses and judges one packet at a hook. The caller begins and ends
// batches.
func (s *sgfwEngine) decide(h filter.Hook, b []byte) bool {
	s.event = filter.Event{Frame: packet.Frame{Bytes: b}, Hook: h, In: device}
	if h == filter.HookOutput {
		s.event.In, s.event.Out = 0, device
	}
	return s.worker.Decide(&s.event)
}

// server is the protected address.
var server = netip.MustParseAddr("192.0.2.1")

// ruleOf returns port and source of rule i. Each rule has a network of its own.
func ruleOf(i int) (port uint16, source netip.Prefix) {
	network := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0})
	return uint16(1000 + i%64), netip.PrefixFrom(network, 24)
}
