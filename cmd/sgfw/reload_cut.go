package main

import (
	"fmt"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// printCut lists the flows that a change ends, if there are any.
func (p *program) printCut(s screen.Screen, o api.Orphans) error {
	var ended, denied []api.Flow
	for _, f := range o.Flows {
		if f.DeniedBy == nil {
			ended = append(ended, f)
		} else {
			denied = append(denied, f)
		}
	}
	if err := p.printEnded(s, ended, o.Count-o.Denied); err != nil {
		return err
	}
	return p.printDenied(s, denied, o.Denied)
}

// printDenied lists the flows that network ACLs stop, the first of so many.
func (p *program) printDenied(s screen.Screen, flows []api.Flow, of int) error {
	if of == 0 {
		return nil
	}
	by := "rules of network ACLs deny them"
	if one := oneDenial(flows); one != nil && len(flows) == of {
		it := "them"
		if of == 1 {
			it = "it"
		}
		by = fmt.Sprintf("%s denies %s", denialName(one), it)
	}
	p.print(s, screen.Warn, fmt.Sprintf("cut: %s: %s", count(of, "live flow"), by))
	return p.printSomeFlows(s, flows, of)
}

// oneDenial is the rule that denies all of the flows that are listed, nil for several.
func oneDenial(flows []api.Flow) *api.RuleRef {
	for _, f := range flows {
		if ruleName(f.DeniedBy) != ruleName(flows[0].DeniedBy) {
			return nil
		}
	}
	if len(flows) == 0 {
		return nil
	}
	return flows[0].DeniedBy
}

// denialName is a rule of a network ACL in words.
func denialName(r *api.RuleRef) string {
	place := policy.ACLRule{Number: r.Number}
	return fmt.Sprintf("%s rule %s of network ACL %s", r.Direction, place.Place(), r.NetworkACL)
}

// printEnded lists the flows that end otherwise, the first of so many.
func (p *program) printEnded(s screen.Screen, flows []api.Flow, of int) error {
	if of == 0 {
		return nil
	}
	tracked := 0
	for _, f := range flows {
		if f.Tracked {
			tracked++
		}
	}
	what, end, one := "live flow",
		"end with their rules, or with the mode, scope or addresses of their interface",
		"ends with the mode, scope or addresses of its interface"
	switch tracked {
	case 0:
		what, end, one = "untracked flow", "end with their rule", "ends with its rule"
	case len(flows):
		end = "end with the mode, scope or addresses of their interface"
	}
	if of == 1 {
		end = one
	}
	p.print(s, screen.Warn, fmt.Sprintf("cut: %s %s", count(of, what), end))
	return p.printSomeFlows(s, flows, of)
}

// printSomeFlows lists the first of so many flows in short.
func (p *program) printSomeFlows(s screen.Screen, flows []api.Flow, of int) error {
	t := s.Table(p.out, screen.Column{}, screen.Column{Rank: 1}, screen.Column{},
		screen.Column{Fit: screen.Folded, Least: 13}, screen.Column{Fit: screen.Folded, Least: 16},
		screen.Column{}, screen.Column{Fit: screen.Folded, Least: 13})
	for _, f := range flows[:min(len(flows), orphansShown)] {
		t.Row("  "+deviceOf(f), f.Direction, protocolOf(f), f.Local, f.Remote, f.State, ruleOf(f))
	}
	err := t.Flush()
	if more := of - orphansShown; more > 0 && err == nil {
		_, err = fmt.Fprintf(p.out, "  and %s more\n", screen.Number(more))
	}
	return err
}
