package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
	"sgfw/policy"
)

// Selection is a query for flows, understood. It is for one goroutine.
type Selection struct {
	rs     *filter.Ruleset
	review *filter.Review
	tests  []func(*conntrack.FlowInfo) bool
	parts
}

// Select understands a query for flows under a ruleset. Errors match
// [ErrQuestion].
func Select(q api.FlowQuery, rs *filter.Ruleset) (*Selection, error) {
	s := &Selection{rs: rs, review: rs.Review(), parts: newParts(rs)}
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
	return !slices.ContainsFunc(s.tests,
		func(test func(*conntrack.FlowInfo) bool) bool { return !test(f) })
}

// Standing is what the rules alone make of the flow.
func (s *Selection) Standing(f *conntrack.FlowInfo) filter.Standing { return s.review.Standing(f) }

// Flow is the flow's document.
func (s *Selection) Flow(f *conntrack.FlowInfo, now conntrack.Time) api.Flow {
	scope := f.Tuple.Scope()
	doc := Flow(s.rs.DeviceOf(scope), *f, now)
	doc.InterfaceID = s.interfaceID(doc.Interface)
	if doc.Scope = s.rs.SharedOf(scope); doc.Interface == "" && doc.Scope == "" {
		doc.Interface = fmt.Sprintf("(scope %d)", scope)
	}
	doc.Rule = s.rule(match.RuleNumber(f.Rule))
	standing := s.review.Standing(f)
	doc.Orphan, doc.Cut = standing == filter.StandingOrphan, standing == filter.StandingCut
	doc.Clause = s.review.Tracking(f).Clause.String()
	return doc
}

func (s *Selection) where(test func(*conntrack.FlowInfo) bool) { s.tests = append(s.tests, test) }

// byInterface selects by device, or by shared scope as a list of flows names it.
// The flows of a scope are those of each of its devices.
func (s *Selection) byInterface(name string) error {
	var devices []string
	for _, a := range s.rs.Attachments() {
		devices = append(devices, a.Device)
	}
	name, err := DeviceNamed(s.rs.Policy(), devices, name)
	if err != nil {
		return err
	}
	name = s.rs.Called(name)
	if err := Managed(s.rs, name); err != nil {
		return err
	}
	shared, ok := strings.CutPrefix(name, api.ScopePrefix)
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
		return policy.Protocol(f.Tuple.Proto()).HasPorts() &&
			(in(f.Tuple.LocalPort) || in(f.Tuple.RemotePort))
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

func (s *Selection) byGroup(text string) error {
	name, err := GroupNamed(s.rs, text)
	if err != nil {
		return err
	}
	s.where(func(f *conntrack.FlowInfo) bool {
		info, ok := s.rs.Rule(match.RuleNumber(f.Rule))
		return ok && info.Group == name
	})
	return nil
}

// defaultRule stands for the index of the rules that AWS creates, which the file
// does not name.
const defaultRule = "default"

// byRule selects by ID, or by a place in the policy. Where no rule stands there any
// more, the one that did last is meant.
func (s *Selection) byRule(text string) error {
	if policy.RuleIDKind.Meant(text) {
		return s.byRuleID(text)
	}
	var group, direction string
	var index int
	parts := strings.Split(text, "/")
	if n := len(parts); n >= 3 { // names of groups may have slashes
		var err error
		group, direction = strings.Join(parts[:n-2], "/"), parts[n-2]
		if parts[n-1] == defaultRule {
			index = policy.DefaultIndex
		} else if index, err = strconv.Atoi(parts[n-1]); err != nil {
			direction = ""
		}
	}
	if direction != conntrack.Ingress.String() && direction != conntrack.Egress.String() {
		return fmt.Errorf("rule %q is not GROUP/ingress/INDEX or GROUP/egress/INDEX", text)
	}
	group, err := GroupNamed(s.rs, group)
	if err != nil {
		return err
	}
	stands := func(info filter.RuleInfo) bool {
		return info.Group == group && info.Direction.String() == direction && info.Rule.Index == index
	}
	if !s.anyRule(stands) {
		return fmt.Errorf("there is no rule %s, now or before", text)
	}
	inForce := s.anyRule(func(info filter.RuleInfo) bool { return stands(info) && !info.Gone })
	s.where(func(f *conntrack.FlowInfo) bool {
		info, ok := s.rs.Rule(match.RuleNumber(f.Rule))
		return ok && stands(info) && info.Gone != inForce
	})
	return nil
}

func (s *Selection) byRuleID(text string) error {
	if bad := policy.RuleIDKind.Check(text); bad != nil {
		return *bad
	}
	ids := s.rs.Policy().IDs
	for id, info := range s.rs.Rules() {
		if ruleID(ids, &info) == text {
			s.where(func(f *conntrack.FlowInfo) bool { return match.RuleNumber(f.Rule) == id })
			return nil
		}
	}
	return *policy.RuleIDKind.NotFound(text)
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
