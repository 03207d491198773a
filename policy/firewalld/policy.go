package firewalld

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
)

// between is a policy of firewalld: rules for what goes from zones to zones.
type between struct {
	*element
	name     string
	priority int
	from, to []string
}

// Zones that stand for this machine, and for all zones.
const host, everywhere = "HOST", "ANY"

// maxPolicies bounds how many policies there may be.
const maxPolicies = 64

// lets reports whether the policy is for what comes from a zone to this machine.
func (p *between) lets(zone string) bool {
	return slices.Contains(p.to, host) &&
		(slices.Contains(p.from, zone) || slices.Contains(p.from, everywhere))
}

// chain is the name of its chain, which no zone can have.
func (p *between) chain() string { return "policy/" + p.name }

// direction is that of the packets for this machine or from it; of others there is none.
func (p *between) direction() (dir policy.Direction, ok bool) {
	switch {
	case slices.Contains(p.to, host):
		return policy.Ingress, true
	case slices.Contains(p.from, host):
		return policy.Egress, true
	}
	return 0, false
}

// policy reads a policy.
func (f *files) policy(name string, e *element) {
	p := &between{element: e, name: name, priority: -1}
	for _, c := range e.children {
		switch c.name {
		case "ingress-zone":
			p.from = append(p.from, c.attrs["name"])
		case "egress-zone":
			p.to = append(p.to, c.attrs["name"])
		}
	}
	if s := e.attrs["priority"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n == 0 {
			f.d.Errorf(e.pos, "a number that is not 0", "%q is no priority of a policy", s)
			return
		}
		p.priority = n
	}
	switch e.attrs["target"] {
	case "", "CONTINUE", "ACCEPT", "DROP", "REJECT":
	default:
		f.d.Errorf(e.pos, "ACCEPT, DROP, REJECT or CONTINUE", "%q is no target of a policy",
			e.attrs["target"])
	}
	for _, other := range f.policies {
		if other.name == name {
			f.d.Errorf(e.pos, "of two, that of /etc/firewalld counts", "%s has a policy %q, too",
				other.pos.File, name)
			return
		}
	}
	if _, ours := p.direction(); !ours {
		f.d.Lost(e.pos, "leave it in place: sgfw does not touch it",
			"policy %q is left out: it is about what this machine forwards", name)
		return
	}
	if len(f.policies) == maxPolicies {
		f.d.Errorf(e.pos, "", "there are more than %d policies", maxPolicies)
		return
	}
	f.policies = append(f.policies, p)
}

// sortPolicies puts them into the order in which firewalld asks them.
func (f *files) sortPolicies() {
	slices.SortStableFunc(f.policies, func(a, b *between) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), strings.Compare(a.name, b.name))
	})
}

// byAddress ends the name of the chain that asks whether an address is in one of its zones.
const byAddress = "/by address"

// policyChains are the chains of policies of one direction.
func (f *files) policyChains(family policy.Family, dir policy.Direction) map[string]*chains.Chain {
	out := map[string]*chains.Chain{}
	for _, p := range f.policies {
		if d, _ := p.direction(); d != dir {
			continue
		}
		z := &zone{files: f, family: family, dir: dir, chain: &chains.Chain{Pos: p.pos}}
		z.rules(p.element)
		end := chains.Rule{Pos: p.pos, Verdict: chains.Drop}
		switch p.attrs["target"] {
		case "ACCEPT":
			end.Verdict = chains.Accept
		case "DROP", "REJECT":
		default:
			end.Verdict = chains.Continue
		}
		z.add(end)
		out[p.chain()] = z.chain
		if dir == policy.Ingress {
			continue
		}
		c := &chains.Chain{Pos: p.pos}
		for _, other := range f.zones {
			if slices.Contains(p.to, f.names[other]) {
				f.sources(other, family, func(_ *element, m chains.Match) {
					c.Rules = append(c.Rules, chains.Rule{Pos: p.pos, Match: m, Verdict: chains.Jump,
						To: p.chain()})
				})
			}
		}
		out[p.chain()+byAddress] = c
	}
	return out
}

// out is what happens to what this machine sends by a device of a zone. Zones that go by
// address are asked for, too.
func (f *files) out(z *element) *chains.Chain {
	c := &chains.Chain{Pos: z.pos, Policy: chains.Accept}
	c.Rules = append(c.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Accept,
		Match: chains.Match{States: chains.Established | chains.Related}})
	for _, p := range f.policies {
		if d, _ := p.direction(); d != policy.Egress {
			continue
		}
		to := p.chain()
		if !slices.Contains(p.to, everywhere) && !slices.Contains(p.to, f.names[z]) {
			to += byAddress
		}
		c.Rules = append(c.Rules, chains.Rule{Pos: p.pos, Verdict: chains.Jump,
			To: to})
	}
	return c
}

// direct says what becomes of direct rules, which are asked before those of zones and only
// matter here if they drop.
func (f *files) direct(e *element) {
	for _, c := range e.children {
		words := strings.Fields(c.text)
		where := append([]string{c.attrs["table"], c.attrs["chain"]}, words...)
		about := func(names ...string) bool {
			return slices.ContainsFunc(where, func(w string) bool { return slices.Contains(names, w) })
		}
		switch {
		case c.name == "chain" || c.attrs["ipv"] == "eb":
		case about("FORWARD", "FORWARD_direct", "nat", "POSTROUTING", "mangle"):
			f.d.Lost(c.pos, "leave it in place: sgfw does not touch it",
				"a direct rule for what is forwarded or rewritten is left out")
		case about("DROP", "REJECT"):
			f.d.Errorf(c.pos, "make it a rich rule with a priority, or import what iptables-save prints",
				"a direct rule drops packets before zones are asked")
		default:
			f.d.Lost(c.pos, "", "a direct rule is left out: what it accepts, zones are asked about, too")
		}
	}
}
