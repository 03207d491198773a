package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sgfw/cmd/internal/query"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// termsOf are the terms of a query, and those of flags: a flag means the same as the term of
// its name, and one that is not given has an empty value.
func termsOf(where string, keys []string, flags ...query.Term) ([]query.Term, error) {
	terms, err := query.Parse(where, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	for _, t := range flags {
		if len(t.Values) > 0 && t.Values[0].Text != "" {
			terms = append(terms, t)
		}
	}
	return terms, nil
}

// wrongValue says which value of a query is not understood.
func wrongValue(v query.Value, err error) error {
	if _, told := errors.AsType[*query.Error](err); !told && v.Column > 0 {
		err = query.At(v, err)
	}
	return fmt.Errorf("%w: %w", ErrQuestion, err)
}

// directionNamed reads a direction.
func directionNamed(v query.Value) (conntrack.Direction, error) {
	words := []string{conntrack.Ingress.String(), conntrack.Egress.String()}
	switch v.Text {
	case words[0]:
		return conntrack.Ingress, nil
	case words[1]:
		return conntrack.Egress, nil
	}
	return 0, query.Unknown("dir", v, words)
}

// managedNamed is the device, or shared scope, that a question names.
func managedNamed(rs *filter.Ruleset, name string) (string, error) {
	var devices []string
	for _, a := range rs.Attachments() {
		devices = append(devices, a.Device)
	}
	name, err := DeviceNamed(rs.Policy(), devices, name)
	if err != nil {
		return "", err
	}
	name = rs.Called(name)
	return name, Managed(rs, name)
}

// portRange is some ports.
type portRange struct{ low, high uint16 }

var allPorts = portRange{0, 0xffff}

func (r portRange) has(p uint16) bool { return r.low <= p && p <= r.high }

// parsePorts reads a port or a range of ports.
func parsePorts(text string) (portRange, error) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	lo, err1 := strconv.ParseUint(low, 10, 16)
	hi, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || lo > hi {
		return portRange{}, fmt.Errorf("port %q is neither a port nor a range such as 8000-9000", text)
	}
	return portRange{uint16(lo), uint16(hi)}, nil
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

// parseEnd reads one end of a packet: a CIDR, or what parseEndpoint knows. The zero prefix
// is any address.
func parseEnd(word, text string) (netip.Prefix, portRange, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil && !prefix.Addr().Is4In6() {
		return prefix, allPorts, nil
	}
	e, err := parseEndpoint(text)
	if err != nil {
		return netip.Prefix{}, allPorts, fmt.Errorf("%s: %w", word, err)
	}
	prefix, ports := netip.Prefix{}, allPorts
	if e.addr.IsValid() {
		prefix = netip.PrefixFrom(e.addr, e.addr.BitLen())
	}
	if e.hasPort {
		ports = portRange{e.port, e.port}
	}
	return prefix, ports, nil
}

// defaultRule stands for the index of the rules that AWS creates, which the file
// does not name.
const defaultRule = "default"

// ruleNamed finds a rule by ID, or by a place in the policy. Where no rule stands there any
// more, the one that did last is meant.
func ruleNamed(rs *filter.Ruleset, text string) (func(filter.RuleInfo) bool, error) {
	if policy.RuleIDKind.Meant(text) {
		return ruleOfID(rs, text)
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
		return nil, fmt.Errorf("rule %q is not GROUP/ingress/INDEX or GROUP/egress/INDEX", text)
	}
	named, err := GroupNamed(rs, group)
	if err != nil && rs.Policy().NetworkACL(group) != nil {
		return nil, fmt.Errorf("%s is a network ACL, not a group (hint: reason:%s selects what it "+
			"drops)", group, filter.ReasonNetworkACL)
	}
	if err != nil {
		return nil, err
	}
	group = named
	stands := func(info filter.RuleInfo) bool {
		return info.Group == group && info.Direction.String() == direction && info.Rule.Index == index
	}
	if !anyRule(rs, stands) {
		return nil, fmt.Errorf("there is no rule %s, now or before", text)
	}
	inForce := anyRule(rs, func(info filter.RuleInfo) bool { return stands(info) && !info.Gone })
	return func(info filter.RuleInfo) bool { return stands(info) && info.Gone != inForce }, nil
}

func ruleOfID(rs *filter.Ruleset, text string) (func(filter.RuleInfo) bool, error) {
	if bad := policy.RuleIDKind.Check(text); bad != nil {
		return nil, *bad
	}
	ids := rs.Policy().IDs
	for _, known := range rs.Rules() {
		if ruleID(ids, &known) == text {
			group, direction, id := known.Group, known.Direction, known.Rule.ID()
			return func(info filter.RuleInfo) bool {
				return info.Group == group && info.Direction == direction && info.Rule.ID() == id
			}, nil
		}
	}
	return nil, *policy.RuleIDKind.NotFound(text)
}

// anyRule asks about the rules in force and those of before.
func anyRule(rs *filter.Ruleset, is func(filter.RuleInfo) bool) bool {
	for _, info := range rs.Rules() {
		if is(info) {
			return true
		}
	}
	return false
}
