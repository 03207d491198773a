package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sgfw/cmd/internal/control"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// Selection is a query for flows, understood. It is for one goroutine.
type Selection struct {
	rs     *filter.Ruleset
	review *filter.Review
	tests  []func(*conntrack.FlowInfo) bool
}

// Select understands a query for flows under a ruleset. Errors match
// [ErrQuestion].
func Select(q control.FlowQuery, rs *filter.Ruleset) (*Selection, error) {
	s := &Selection{rs: rs, review: rs.Review()}
	for _, part := range []struct {
		text string
		add  func(string) error
	}{
		{q.Interface, s.byInterface}, {q.Protocol, s.byProtocol}, {q.State, s.byState},
		{q.Address, s.byAddress}, {q.Port, s.byPort}, {q.From, s.byFrom}, {q.To, s.byTo},
		{q.Group, s.byGroup}, {q.Rule, s.byRule},
	} {
		if part.text == "" {
			continue
		}
		if err := part.add(part.text); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuestion, err)
		}
	}
	if q.State == "" {
		s.where(func(f *conntrack.FlowInfo) bool { return f.State != conntrack.StateRevoked })
	}
	if q.Orphans {
		s.where(func(f *conntrack.FlowInfo) bool { return s.review.Standing(f) == filter.StandingOrphan })
	}
	return s, nil
}

// Has reports whether the query selects the flow.
func (s *Selection) Has(f *conntrack.FlowInfo) bool {
	return !slices.ContainsFunc(s.tests, func(test func(*conntrack.FlowInfo) bool) bool { return !test(f) })
}

// Standing is what the rules alone make of the flow.
func (s *Selection) Standing(f *conntrack.FlowInfo) filter.Standing { return s.review.Standing(f) }

// Flow is the flow's document.
func (s *Selection) Flow(f *conntrack.FlowInfo, now conntrack.Time) control.Flow {
	scope := f.Tuple.Scope()
	doc := Flow(s.rs.DeviceOf(scope), *f, now)
	if doc.Scope = s.rs.SharedOf(scope); doc.Interface == "" && doc.Scope == "" {
		doc.Interface = fmt.Sprintf("(scope %d)", scope)
	}
	if info, ok := s.rs.Rule(filter.RuleID(f.Rule)); ok {
		doc.Rule = Rule(info)
	}
	standing := s.review.Standing(f)
	doc.Orphan, doc.Cut = standing == filter.StandingOrphan, standing == filter.StandingCut
	doc.Clause = s.review.Tracking(f).Clause.String()
	return doc
}

func (s *Selection) where(test func(*conntrack.FlowInfo) bool) { s.tests = append(s.tests, test) }

// byInterface selects by device, or by shared scope as a list of flows names it.
// The flows of a scope are those of each of its devices.
func (s *Selection) byInterface(name string) error {
	shared, ok := strings.CutPrefix(name, control.ScopePrefix)
	if !ok {
		shared = ""
		if a := s.rs.Device(name); a != nil {
			shared = a.Interface().Scope
		}
	}
	s.where(func(f *conntrack.FlowInfo) bool {
		scope := f.Tuple.Scope()
		return s.rs.DeviceOf(scope) == name || shared != "" && s.rs.SharedOf(scope) == shared
	})
	return nil
}

func (s *Selection) byProtocol(text string) error {
	proto, problem := policy.ParseProtocol(text)
	if problem != nil {
		return *problem
	}
	if proto != policy.AllProtocols {
		s.where(func(f *conntrack.FlowInfo) bool { return f.Tuple.Proto() == uint8(proto) })
	}
	return nil
}

func (s *Selection) byState(name string) error {
	i := slices.Index(StateNames(), name)
	if i < 0 {
		return fmt.Errorf("state %q is none of %s", name, strings.Join(StateNames(), ", "))
	}
	state := conntrack.StateSynSent + conntrack.State(i)
	s.where(func(f *conntrack.FlowInfo) bool { return f.State == state })
	return nil
}

// StateNames are the states of flows, in their order.
func StateNames() (names []string) {
	for state := conntrack.StateSynSent; state <= conntrack.StateRevoked; state++ {
		names = append(names, state.String())
	}
	return names
}

func (s *Selection) byAddress(text string) error {
	prefix, err := parsePrefix(text)
	if err != nil {
		return err
	}
	s.where(func(f *conntrack.FlowInfo) bool {
		return prefix.Contains(f.Tuple.Local.Netip()) || prefix.Contains(f.Tuple.Remote.Netip())
	})
	return nil
}

// parsePrefix reads an address or a CIDR.
func parsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err == nil {
			a, err = plain(a)
		}
		if err != nil {
			return prefix, fmt.Errorf("address %q is neither an address nor a CIDR", text)
		}
		prefix = netip.PrefixFrom(a, a.BitLen())
	}
	if prefix.Addr().Is4In6() {
		return prefix, fmt.Errorf("address %q: write it as an IPv4 CIDR", text)
	}
	return prefix, nil
}

func (s *Selection) byPort(text string) error {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	lo, err1 := strconv.ParseUint(low, 10, 16)
	hi, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || lo > hi {
		return fmt.Errorf("port %q is neither a port nor a range such as 8000-9000", text)
	}
	in := func(p uint16) bool { return uint64(p) >= lo && uint64(p) <= hi }
	s.where(func(f *conntrack.FlowInfo) bool {
		return policy.Protocol(f.Tuple.Proto()).HasPorts() && (in(f.Tuple.LocalPort) || in(f.Tuple.RemotePort))
	})
	return nil
}

func (s *Selection) byFrom(text string) error { return s.byEnd("from", text, conntrack.Egress) }
func (s *Selection) byTo(text string) error   { return s.byEnd("to", text, conntrack.Ingress) }

// byEnd selects by one end of the first packet: the one that is the protected
// machine's if local opened the flow.
func (s *Selection) byEnd(word, text string, local conntrack.Direction) error {
	want, err := parseEndpoint(text)
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	s.where(func(f *conntrack.FlowInfo) bool {
		addr, port := f.Tuple.Remote, f.Tuple.RemotePort
		if f.Opener == local {
			addr, port = f.Tuple.Local, f.Tuple.LocalPort
		}
		return (!want.addr.IsValid() || addr == conntrack.AddrFrom(want.addr)) &&
			(!want.hasPort || policy.Protocol(f.Tuple.Proto()).HasPorts() && port == want.port)
	})
	return nil
}

func (s *Selection) byGroup(name string) error {
	if !s.anyRule(func(info filter.RuleInfo) bool { return info.Group == name }) {
		return fmt.Errorf("group %q has no rules, now or before", name)
	}
	s.where(func(f *conntrack.FlowInfo) bool {
		info, ok := s.rs.Rule(filter.RuleID(f.Rule))
		return ok && info.Group == name
	})
	return nil
}

// defaultRule stands for the index of the egress rules of a group that names none.
const defaultRule = "default"

// byRule selects by a place in the policy. Where no rule stands there any more,
// the one that did last is meant.
func (s *Selection) byRule(text string) error {
	var group, direction string
	var index int
	parts := strings.Split(text, "/")
	if n := len(parts); n >= 3 { // names of groups may have slashes
		var err error
		group, direction = strings.Join(parts[:n-2], "/"), parts[n-2]
		if parts[n-1] == defaultRule {
			index = -1
		} else if index, err = strconv.Atoi(parts[n-1]); err != nil {
			direction = ""
		}
	}
	if direction != conntrack.Ingress.String() && direction != conntrack.Egress.String() {
		return fmt.Errorf("rule %q is not GROUP/ingress/INDEX or GROUP/egress/INDEX", text)
	}
	stands := func(info filter.RuleInfo) bool {
		return info.Group == group && info.Direction.String() == direction && info.Rule.Index == index
	}
	if !s.anyRule(stands) {
		return fmt.Errorf("there is no rule %s, now or before", text)
	}
	inForce := s.anyRule(func(info filter.RuleInfo) bool { return stands(info) && !info.Gone })
	s.where(func(f *conntrack.FlowInfo) bool {
		info, ok := s.rs.Rule(filter.RuleID(f.Rule))
		return ok && stands(info) && info.Gone != inForce
	})
	return nil
}

// anyRule asks about the rules in force and those of before.
func (s *Selection) anyRule(is func(filter.RuleInfo) bool) bool {
	for _, info := range s.rs.Rules() {
		if is(info) {
			return true
		}
	}
	return false
}
