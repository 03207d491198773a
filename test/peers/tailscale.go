package peers

import (
	"net/netip"

	"go4.org/netipx"
	"tailscale.com/net/ipset"
	"tailscale.com/net/packet"
	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/types/views"
	"tailscale.com/wgengine/filter"
)

type tailscaleFilter struct {
	f   *filter.Filter
	pkt packet.Parsed
}

func newTailscale(rules int) (*tailscaleFilter, error) {
	var matches []filter.Match
	for i := range rules {
		port, source := ruleOf(i)
		sources := []netip.Prefix{source}
		matches = append(matches, filter.Match{
			IPProto:      views.SliceOf([]ipproto.Proto{ipproto.TCP}),
			Srcs:         sources,
			SrcsContains: ipset.NewContainsIPFunc(views.SliceOf(sources)),
			Dsts: []filter.NetPortRange{{
				Net: netip.PrefixFrom(server, 32), Ports: filter.PortRange{First: port, Last: port},
			}},
		})
	}
	var local, logged netipx.IPSetBuilder
	local.Add(server)
	localSet, err := local.IPSet()
	if err != nil {
		return nil, err
	}
	loggedSet, err := logged.IPSet()
	if err != nil {
		return nil, err
	}
	return &tailscaleFilter{f: filter.New(matches, nil, localSet, loggedSet, nil, logger.Discard)}, nil
}

// decide parses and judges one incoming packet.
func (t *tailscaleFilter) decide(b []byte) bool {
	t.pkt.Decode(b)
	return t.f.RunIn(&t.pkt, 0) == filter.Accept
}

// sent shows the filter an outgoing packet, so that answers to it may come in.
func (t *tailscaleFilter) sent(b []byte) bool {
	t.pkt.Decode(b)
	r, _ := t.f.RunOut(&t.pkt, 0)
	return r == filter.Accept
}
