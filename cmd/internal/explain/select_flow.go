package explain

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/query"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
	"sgfw/policy"
)

// byInterface selects by device, by the beginning of names and a *, or by shared scope as a
// list of flows names it. The flows of a scope are those of each of its devices.
func (s *Selection) byInterface(name string) (flowTest, error) {
	if prefix, glob := strings.CutSuffix(name, "*"); glob {
		return func(f *conntrack.FlowInfo) bool {
			device := s.rs.DeviceOf(f.Tuple.Scope())
			return device != "" && strings.HasPrefix(device, prefix)
		}, nil
	}
	name, err := managedNamed(s.rs, name)
	if err != nil {
		return nil, err
	}
	shared, ok := strings.CutPrefix(name, api.ScopePrefix)
	if !ok {
		shared = ""
		if a := s.rs.Device(name); a != nil {
			shared = a.Interface().Scope
		}
	}
	return func(f *conntrack.FlowInfo) bool {
		scope := f.Tuple.Scope()
		return s.rs.DeviceOf(scope) == name || shared != "" && s.rs.SharedOf(scope) == shared
	}, nil
}

func (s *Selection) byProtocol(text string) (flowTest, error) {
	proto, problem := policy.ParseProtocol(text)
	if problem != nil {
		return nil, *problem
	}
	return func(f *conntrack.FlowInfo) bool {
		return proto == policy.AllProtocols || f.Tuple.Proto() == uint8(proto)
	}, nil
}

func (s *Selection) byState(v query.Value) (flowTest, error) {
	i := slices.Index(StateNames(), v.Text)
	if i < 0 {
		return nil, query.Unknown("state", v, StateNames())
	}
	state := conntrack.StateSynSent + conntrack.State(i)
	return func(f *conntrack.FlowInfo) bool { return f.State == state }, nil
}

// StateNames are the states of flows, in their order.
func StateNames() (names []string) {
	for state := conntrack.StateSynSent; state <= conntrack.StateRevoked; state++ {
		names = append(names, state.String())
	}
	return names
}

func (s *Selection) byAddress(text string) (flowTest, error) {
	prefix, err := parsePrefix(text)
	return func(f *conntrack.FlowInfo) bool {
		return prefix.Contains(f.Tuple.Local.Netip()) || prefix.Contains(f.Tuple.Remote.Netip())
	}, err
}

func (s *Selection) byPort(text string) (flowTest, error) {
	ports, err := parsePorts(text)
	return func(f *conntrack.FlowInfo) bool {
		return policy.Protocol(f.Tuple.Proto()).HasPorts() &&
			(ports.has(f.Tuple.LocalPort) || ports.has(f.Tuple.RemotePort))
	}, err
}

// byEnd selects by one end of the first packet: the one that is the protected
// machine's if local opened the flow.
func (s *Selection) byEnd(word, text string, local conntrack.Direction) (flowTest, error) {
	prefix, ports, err := parseEnd(word, text)
	return func(f *conntrack.FlowInfo) bool {
		addr, port := f.Tuple.Remote, f.Tuple.RemotePort
		if f.Opener == local {
			addr, port = f.Tuple.Local, f.Tuple.LocalPort
		}
		return (prefix == netip.Prefix{} || prefix.Contains(addr.Netip())) &&
			(ports == allPorts || policy.Protocol(f.Tuple.Proto()).HasPorts() && ports.has(port))
	}, err
}

func (s *Selection) byGroup(text string) (flowTest, error) {
	name, err := GroupNamed(s.rs, text)
	return s.admitted(func(info filter.RuleInfo) bool { return info.Group == name }), err
}

// admitted selects by the rule that admitted the flow.
func (s *Selection) admitted(is func(filter.RuleInfo) bool) flowTest {
	return func(f *conntrack.FlowInfo) bool {
		info, ok := s.rs.Rule(match.RuleNumber(f.Rule))
		return ok && is(info)
	}
}
