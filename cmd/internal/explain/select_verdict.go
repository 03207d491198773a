package explain

import (
	"fmt"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/query"
	"sgfw/filter"
	"sgfw/policy"
)

// established are the reasons of packets that go on with what was permitted before
// or, untracked or exempt, do so for the most part.
var established = filter.ReasonsOf(filter.ReasonFlow, filter.ReasonRelated, filter.ReasonUntracked,
	filter.ReasonBridged, filter.ReasonExemptResolvers, filter.ReasonExemptMetadata,
	filter.ReasonExemptTime)

// SelectVerdicts understands a query for verdicts under a ruleset. Without one it looks for
// mistakes alone that any ruleset would find. Errors match [ErrQuestion].
func SelectVerdicts(q api.LogQuery, rs *filter.Ruleset) (filter.Selection, error) {
	s := filter.Selection{Reasons: filter.Everything}
	wrong := func(err error) (filter.Selection, error) {
		return s, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	port := ""
	if q.Port != 0 {
		port = fmt.Sprint(q.Port)
	}
	terms, err := termsOf(q.Where, query.OfVerdicts, query.Of(query.Verdict, q.Verdict),
		query.Of(query.Reason, q.Reasons...), query.Of(query.Proto, q.Protocol),
		query.Of(query.Port, port), query.Of(query.Addr, q.Address),
		query.Of(query.Iface, q.Interface), query.Of(query.Group, q.Group))
	if err != nil {
		return s, err
	}
	byReason := false
	for _, t := range terms {
		byReason = byReason || t.Key == query.Reason && !t.Not
		if err := selectTerm(&s, t, rs); err != nil {
			return s, err
		}
	}
	if !byReason && !q.Established {
		s.Reasons &^= established
	}
	if !q.Follow && s.Reasons&^filter.Dropping != 0 {
		s.Reasons &= filter.Dropping
		if s.Reasons == 0 {
			return wrong(fmt.Errorf("what passes is not remembered: follow the log to see it"))
		}
	}
	if s.Reasons == 0 {
		return wrong(fmt.Errorf("no verdict can be of this kind"))
	}
	if q.Rate < 0 || q.Limit < 0 {
		return wrong(fmt.Errorf("a number of verdicts is negative"))
	}
	return s, nil
}

// selectTerm adds a term to the selection. Of reasons no condition is made: what nobody asks
// for by reason is not recorded.
func selectTerm(s *filter.Selection, t query.Term, rs *filter.Ruleset) error {
	var reasons filter.ReasonSet
	var any []filter.Condition
	for _, v := range t.Values {
		set, c, err := verdictTest(t.Key, v, rs)
		if err != nil {
			return wrongValue(v, err)
		}
		if reasons |= set; c != nil {
			any = append(any, c)
		}
	}
	switch {
	case (t.Key == query.Reason || t.Key == query.Verdict) && t.Not:
		s.Reasons &^= reasons
	case t.Key == query.Reason || t.Key == query.Verdict:
		s.Reasons &= reasons
	case len(any) == 0: // without a ruleset
	case t.Not:
		s.Where = append(s.Where, filter.Not(filter.AnyOf(any...)))
	default:
		s.Where = append(s.Where, filter.AnyOf(any...))
	}
	return nil
}

// verdictTest understands one value of a term: reasons, or a condition, which is nil where
// a ruleset is needed and none is there.
func verdictTest(key string, v query.Value, rs *filter.Ruleset) (filter.ReasonSet,
	filter.Condition, error) {
	switch key {
	case query.Reason:
		set := reasonsNamed(v.Text)
		if set == 0 {
			return 0, nil, query.Unknown(key, v, ReasonNames())
		}
		return set, nil, nil
	case query.Verdict:
		switch v.Text {
		case api.VerdictDrop:
			return filter.Dropping, nil, nil
		case api.VerdictAccept:
			return filter.Everything &^ filter.Dropping, nil, nil
		}
		return 0, nil, query.Unknown(key, v, []string{api.VerdictAccept, api.VerdictDrop})
	case query.Iface, query.Group, query.Rule:
		if rs == nil {
			return 0, nil, nil
		}
		c, err := verdictNamed(key, v.Text, rs)
		return 0, c, err
	}
	c, err := packetTest(key, v)
	return 0, c, err
}

// packetTest understands a value that is about the packet alone.
func packetTest(key string, v query.Value) (filter.Condition, error) {
	switch key {
	case query.Proto:
		p, problem := policy.ParseProtocol(v.Text)
		switch {
		case problem != nil:
			return nil, *problem
		case p == policy.AllProtocols:
			return func(*filter.Ruleset, *filter.Record) bool { return true }, nil
		}
		return filter.OfProtocol(uint8(p)), nil
	case query.Port:
		ports, err := parsePorts(v.Text)
		return filter.WithPort(ports.low, ports.high), err
	case query.Addr:
		prefix, err := parsePrefix(v.Text)
		return filter.WithAddress(prefix), err
	case query.From:
		prefix, ports, err := parseEnd(key, v.Text)
		return filter.FromEnd(prefix, ports.low, ports.high), err
	case query.To:
		prefix, ports, err := parseEnd(key, v.Text)
		return filter.ToEnd(prefix, ports.low, ports.high), err
	case query.Dir:
		d, err := directionNamed(v)
		return filter.Toward(d), err
	case query.Flags:
		for _, f := range tcpFlags {
			if f.name == v.Text {
				return filter.WithFlags(f.bit), nil
			}
		}
		return nil, query.Unknown(key, v, FlagNames())
	}
	return nil, fmt.Errorf("verdicts have no %s", key)
}

// verdictNamed understands a value that names something of the policy.
func verdictNamed(key, text string, rs *filter.Ruleset) (filter.Condition, error) {
	switch key {
	case query.Group:
		name, err := GroupNamed(rs, text)
		return filter.OfGroup(name), err
	case query.Rule:
		is, err := ruleNamed(rs, text)
		return filter.PermittedBy(is), err
	}
	if strings.HasSuffix(text, "*") {
		return filter.OnDevice(text), nil
	}
	name, err := managedNamed(rs, text)
	return filter.OnDevice(name), err
}
