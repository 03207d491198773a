package explain

import (
	"fmt"
	"slices"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/query"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
)

// flowTest holds for some flows.
type flowTest func(*conntrack.FlowInfo) bool

// Selection is a query for flows, understood. It is for one goroutine.
type Selection struct {
	rs     *filter.Ruleset
	review *filter.Review
	tests  []flowTest
	parts
}

// Select understands a query for flows under a ruleset. Errors match
// [ErrQuestion].
func Select(q api.FlowQuery, rs *filter.Ruleset) (*Selection, error) {
	s := &Selection{rs: rs, review: rs.Review(), parts: newParts(rs)}
	terms, err := termsOf(q.Where, query.OfFlows, query.Of(query.Iface, q.Interface),
		query.Of(query.Proto, q.Protocol), query.Of(query.State, q.State),
		query.Of(query.Addr, q.Address), query.Of(query.Port, q.Port), query.Of(query.From, q.From),
		query.Of(query.To, q.To), query.Of(query.Group, q.Group), query.Of(query.Rule, q.Rule))
	if err != nil {
		return nil, err
	}
	byState := false
	for _, t := range terms {
		byState = byState || t.Key == query.State && !t.Not
		var any []flowTest
		for _, v := range t.Values {
			test, err := s.test(t.Key, v)
			if err != nil {
				return nil, wrongValue(v, err)
			}
			any = append(any, test)
		}
		s.where(func(f *conntrack.FlowInfo) bool {
			return slices.ContainsFunc(any, func(test flowTest) bool { return test(f) }) != t.Not
		})
	}
	if !byState {
		s.where(func(f *conntrack.FlowInfo) bool { return f.State != conntrack.StateRevoked })
	}
	if q.Orphans {
		s.where(func(f *conntrack.FlowInfo) bool { return s.review.Standing(f) == filter.StandingOrphan })
	}
	return s, nil
}

// test understands one value of a term.
func (s *Selection) test(key string, v query.Value) (flowTest, error) {
	switch key {
	case query.Iface:
		return s.byInterface(v.Text)
	case query.Proto:
		return s.byProtocol(v.Text)
	case query.State:
		return s.byState(v)
	case query.Addr:
		return s.byAddress(v.Text)
	case query.Port:
		return s.byPort(v.Text)
	case query.From:
		return s.byEnd(key, v.Text, conntrack.Egress)
	case query.To:
		return s.byEnd(key, v.Text, conntrack.Ingress)
	case query.Group:
		return s.byGroup(v.Text)
	case query.Rule:
		is, err := ruleNamed(s.rs, v.Text)
		return s.admitted(is), err
	case query.Dir:
		d, err := directionNamed(v)
		return func(f *conntrack.FlowInfo) bool { return f.Opener == d }, err
	}
	return nil, fmt.Errorf("flows have no %s", key)
}

// Has reports whether the query selects the flow.
func (s *Selection) Has(f *conntrack.FlowInfo) bool {
	return !slices.ContainsFunc(s.tests,
		func(test flowTest) bool { return !test(f) })
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
	if standing == filter.StandingDenied {
		rule, _ := s.review.DeniedBy(f)
		doc.DeniedBy = s.rule(rule)
	}
	doc.Clause = s.review.Tracking(f).Clause.String()
	return doc
}

func (s *Selection) where(test flowTest) { s.tests = append(s.tests, test) }
