package audit

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// networkACLs looks at each network ACL by itself, unless the caller asked for some groups.
func (a *auditor) networkACLs() {
	if len(a.o.Include) > 0 {
		return
	}
	for i := range a.p.NetworkACLs {
		n := &a.p.NetworkACLs[i]
		if n.Default {
			continue // nobody wrote it
		}
		a.aclUse(n)
		a.aclOpen(n)
		for _, d := range directions {
			a.aclUnreached(n, d)
		}
	}
}

// aboutACL is a finding about a network ACL, or one of its rules unless that is nil.
func aboutACL(n *policy.NetworkACL, d policy.Direction, r *policy.ACLRule) Finding {
	f := Finding{Severity: unset, Pos: n.Pos}
	if r != nil {
		f.Rule, f.Pos = d.String()+" "+r.String(), r.Pos
		f.anchors = append(f.anchors, n.Pos)
	}
	return f
}

// aclUse looks for a list that judges nothing.
func (a *auditor) aclUse(n *policy.NetworkACL) {
	if len(a.p.Interfaces) == 0 || slices.ContainsFunc(a.p.Interfaces,
		func(in policy.Interface) bool { return in.NetworkACL == n.Name }) {
		return
	}
	f := aboutACL(n, policy.Ingress, nil)
	f.Message = fmt.Sprintf("network ACL %s is on no interface and judges nothing", n.Name)
	a.add(f, aclUnused)
}

// adminPorts are those that AWS wants no network ACL to open to everybody.
var adminPorts = []struct {
	port int
	what string
}{{22, "SSH"}, {3389, "RDP"}}

// aclOpen looks for a list that lets everybody reach administrators' services.
func (a *auditor) aclOpen(n *policy.NetworkACL) {
	allowed := space.Allowed(n, policy.Ingress)
	var open []string
	for _, p := range adminPorts {
		peers := allowed.Anyone(space.Ports(policy.TCP, p.port, p.port))
		if everybody(peers, policy.IPv4) || everybody(peers, policy.IPv6) {
			open = append(open, fmt.Sprintf("%s (tcp %d)", p.what, p.port))
		}
	}
	if len(open) == 0 {
		return
	}
	f := aboutACL(n, policy.Ingress, nil)
	f.Message = fmt.Sprintf("network ACL %s lets everybody reach %s, if groups do", n.Name,
		abridged(open, " and "))
	a.add(f, aclAdmin)
}

// aclUnreached looks for rules of which every packet is decided about by others before them.
func (a *auditor) aclUnreached(n *policy.NetworkACL, d policy.Direction) {
	rules := slices.Clone(n.Rules(d))
	slices.SortFunc(rules, func(x, y policy.ACLRule) int { return x.Number - y.Number })
	var before space.Set
	for i := range rules {
		r := &rules[i]
		box := space.Matched(r)
		if !box.Empty() && before.Covers(box) {
			f := aboutACL(n, d, r)
			var by []string
			other := false
			for j := range i {
				if !space.Matched(&rules[j]).Intersect(box).Empty() {
					by = append(by, rules[j].Place())
					other = other || rules[j].Action != r.Action
					f.Related = append(f.Related, rules[j].Pos)
				}
			}
			word := "rule "
			if len(by) > 1 {
				word = "rules "
			}
			f.Message = fmt.Sprintf("rule %s is never reached: %s%s before it", r.Place(), word,
				abridged(by, " and "))
			if len(by) == 1 {
				f.Message += " decides"
			} else {
				f.Message += " decide"
			}
			if !other {
				f.Message += " the same"
				f.Severity = Low
			} else if r.Action == policy.Deny {
				f.Message += ", and what it is to deny may pass"
			}
			a.add(f, aclUnreached)
		}
		before = before.Union(box)
	}
}

// clientPorts are those that Linux takes for what it begins (N8).
var clientPorts = [2]int{32768, 60999}

// aclAnswers looks for lists that let the first packet of a connection pass, as the groups of
// the interface do, and not the answers to it.
func (a *auditor) aclAnswers() {
	told := map[string]bool{}
	for i := range a.p.Interfaces {
		in := &a.p.Interfaces[i]
		n := a.p.NetworkACL(in.NetworkACL)
		key := in.NetworkACL + "\x00" + strings.Join(in.Groups, "\x00")
		if n == nil || n.Default || told[key] {
			continue
		}
		told[key] = true
		var groups []*policy.Group
		wanted := false
		for _, name := range in.Groups {
			if g := a.byName[name]; g != nil {
				groups, wanted = append(groups, g.Group), wanted || g.included
			}
		}
		if !wanted {
			continue
		}
		for _, d := range directions {
			a.unanswered(in, n, d, a.reading.Groups(d, groups...))
		}
	}
}

// unanswered tells of what groups permit in a direction and the network ACL allows there, but
// for the answers.
func (a *auditor) unanswered(in *policy.Interface, n *policy.NetworkACL, d policy.Direction,
	permitted space.Set) {
	other := policy.Egress - d
	passes, back := permitted.Intersect(space.Allowed(n, d)), space.Allowed(n, other)
	word := " to "
	if other == policy.Ingress {
		word = " from "
	}
	var missing []string
	for _, p := range []policy.Protocol{policy.TCP, policy.UDP} {
		peers := space.PeersOf(passes.Anyone(space.Ports(p, 0, policy.MaxPort)).CIDRs()...)
		denied := space.Box(space.Ports(p, clientPorts[0], clientPorts[1]), peers).Minus(back)
		for _, l := range denied.Lines() {
			missing = append(missing, l.What()+word+l.Whose())
		}
	}
	if len(missing) == 0 {
		return
	}
	verb := "comes in"
	if d == policy.Egress {
		verb = "goes out"
	}
	f := Finding{Severity: unset, Device: in.Device, Pos: n.Pos, anchors: []policy.Pos{in.Pos},
		Related: []policy.Pos{in.Pos}}
	f.Message = fmt.Sprintf("network ACL %s denies answers to what %s through %s: no %s rule "+
		"allows %s", n.Name, verb, in.Device, other, abridged(missing, " and "))
	a.add(f, aclNoAnswers)
}
