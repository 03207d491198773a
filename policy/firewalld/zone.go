package firewalld

import (
	"cmp"
	"slices"
	"strconv"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/space"
)

// ordered is a rule with its place among those of a zone.
type ordered struct {
	priority int
	stage    int // within a priority: what denies, then what allows
	rule     chains.Rule
}

// chainOf is what a zone does with packets of a family that begin connections.
func (f *files) chainOf(e *element, family policy.Family) *chains.Chain {
	z := &zone{files: f, family: family, chain: &chains.Chain{Pos: e.pos}}
	name := f.names[e]
	for _, p := range f.policies {
		if p.priority < 0 && p.lets(name) {
			z.add(chains.Rule{Pos: p.pos, Verdict: chains.Jump, To: p.chain()})
		}
	}
	z.rules(e)
	for _, p := range f.policies {
		if p.priority > 0 && p.lets(name) {
			z.add(chains.Rule{Pos: p.pos, Verdict: chains.Jump, To: p.chain()})
		}
	}
	target := e.attrs["target"]
	at := e.pos
	at.Col = min(at.Col, 1) + 1 // the group stands at the zone's own place
	end := chains.Rule{Pos: at, Verdict: chains.Drop}
	switch target {
	case "", "default", "{chain}_{zone}":
		m, _ := z.port(e, icmpOf(family), "")
		z.add(chains.Rule{Pos: at, Verdict: chains.Accept, Match: m})
	case "ACCEPT":
		end.Verdict = chains.Accept
	case "DROP", "%%REJECT%%", "REJECT":
	default:
		f.errorf(e.pos, "ACCEPT, DROP, %%REJECT%% or default", "%q is no target of a zone", target)
	}
	z.add(end)
	return z.chain
}

// rules adds those of a zone or a policy in firewalld's order.
func (z *zone) rules(e *element) {
	f, family := z.files, z.family
	var rules []ordered
	allow := func(c *element) func(chains.Match) {
		return func(m chains.Match) {
			rules = append(rules, ordered{0, 1, chains.Rule{Pos: c.pos, Verdict: chains.Accept, Match: m}})
		}
	}
	inverted := e.child("icmp-block-inversion") != nil
	for _, c := range e.children {
		z.visited = 0
		if z.count(c, 1); z.full() {
			return
		}
		switch c.name {
		case "service":
			z.service(c, c.attrs["name"], allow(c))
		case "port":
			if m, ok := z.port(c, c.attrs["protocol"], c.attrs["port"]); ok {
				allow(c)(m)
			}
		case "protocol":
			if m, ok := z.port(c, c.attrs["value"], ""); ok {
				allow(c)(m)
			}
		case "source-port":
			allow(c)(chains.Match{Unsaid: &chains.Unsaid{Why: "it asks for a source port"}})
		case "icmp-block":
			if m, ok := z.icmp(c, c.attrs["name"]); ok {
				verdict := chains.Drop
				if inverted {
					verdict = chains.Accept
				}
				rules = append(rules, ordered{0, 0, chains.Rule{Pos: c.pos, Verdict: verdict, Match: m}})
			}
		case "icmp-block-inversion":
			m, _ := z.port(c, icmpOf(family), "")
			rules = append(rules, ordered{0, 0, chains.Rule{Pos: c.pos, Verdict: chains.Drop, Match: m}})
		case "rule":
			rules = append(rules, z.rich(c)...)
		case "masquerade", "forward-port":
			f.once(c.pos, func() {
				f.d.Lost(c.pos, "leave it in place: sgfw does not touch it",
					"%s is left out: groups do not translate addresses", c.name)
			})
		case "short", "description", "interface", "source", "forward", "ingress-priority",
			"egress-priority", "ingress-zone", "egress-zone":
		default:
			f.errorf(c.pos, "", "<%s> in a %s is unknown", c.name, e.name)
		}
	}
	// The inversion drops all types behind those that are named.
	slices.SortStableFunc(rules, func(a, b ordered) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.stage, b.stage),
			cmp.Compare(last(a), last(b)))
	})
	for _, r := range rules {
		z.add(r.rule)
	}
}

// last is 1 for the rule that drops all ICMP.
func last(o ordered) int {
	if o.rule.Verdict == chains.Drop && len(o.rule.Match.Spans) == 1 && o.stage == 0 &&
		o.rule.Match.Peers == nil &&
		(o.rule.Match.Spans[0] == space.Ports(policy.ICMP, -1, -1) ||
			o.rule.Match.Spans[0] == space.Ports(policy.ICMPv6, -1, -1)) {
		return 1
	}
	return 0
}

func icmpOf(f policy.Family) string {
	if f == policy.IPv6 {
		return policy.ICMPv6.String()
	}
	return policy.ICMP.String()
}

// rich reads a rich rule.
func (z *zone) rich(e *element) (out []ordered) {
	if want := e.attrs["family"]; want == "ipv4" && z.family != policy.IPv4 ||
		want == "ipv6" && z.family != policy.IPv6 {
		return nil
	}
	priority := 0
	if s := e.attrs["priority"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			z.errorf(e.pos, "", "%q is no priority", s)
		}
		priority = n
	}
	base := chains.Match{}
	var unsaid *chains.Unsaid
	matches, named := []chains.Match{}, false
	verdict, stage := chains.Continue, 0
	add := func(m chains.Match) { matches = append(matches, m) }
	for _, c := range e.children {
		switch c.name {
		case z.other():
			if !z.peers(c, &base) {
				return nil
			}
		case "source", "destination":
			unsaid = &chains.Unsaid{Why: "it asks for the " + c.name + " " + c.attrs["address"] +
				c.attrs["ipset"] + c.attrs["mac"] + ", and groups are for all addresses of a device"}
		case "service":
			named = true
			z.service(c, c.attrs["name"], add)
		case "port":
			named = true
			if m, ok := z.port(c, c.attrs["protocol"], c.attrs["port"]); ok {
				add(m)
			}
		case "protocol":
			named = true
			if m, ok := z.port(c, c.attrs["value"], ""); ok {
				add(m)
			}
		case "icmp-type", "icmp-block":
			named = true
			if c.name == "icmp-block" {
				verdict = chains.Drop
			}
			if m, ok := z.icmp(c, c.attrs["name"]); ok {
				add(m)
			}
		case "source-port":
			named = true
			add(chains.Match{Unsaid: &chains.Unsaid{Why: "it asks for a source port"}})
		case "accept", "reject", "drop":
			verdict, stage = chains.Drop, 0
			if c.name == "accept" {
				verdict, stage = chains.Accept, 1
			}
			if c.child("limit") != nil && !z.open {
				unsaid = &chains.Unsaid{Why: "it limits how often something is accepted", Grave: true,
					Hint: "--var limits=open takes such rules as if they did not limit"}
			}
		case "log", "nflog", "audit", "mark":
		case "masquerade", "forward-port", "tcp-mss-clamp":
			named = true
			z.once(c.pos, func() {
				z.d.Lost(c.pos, "leave it in place: sgfw does not touch it",
					"%s is left out: groups do not translate addresses", c.name)
			})
		default:
			z.errorf(c.pos, "", "<%s> in a rule is unknown", c.name)
		}
	}
	if !named {
		matches = append(matches, chains.Match{})
	}
	if verdict == chains.Continue {
		return nil
	}
	for _, m := range matches {
		m.Peers, m.List, m.Unknown = base.Peers, base.List, base.Unknown
		m.Never = m.Never || base.Never
		for _, u := range []*chains.Unsaid{unsaid, base.Unsaid} {
			if m.Unsaid == nil || u != nil && u.Grave {
				m.Unsaid = cmp.Or(u, m.Unsaid)
			}
		}
		if m.Unknown && verdict == chains.Drop {
			m.Unsaid = &chains.Unsaid{Why: "who is in " + m.List + " is unknown",
				Hint: "give the file of the ipset, or --prefix-list " + m.List + "=FILE"}
			m.Peers, m.List, m.Unknown = nil, "", false
		}
		out = append(out, ordered{priority, stage, chains.Rule{Pos: e.pos, Verdict: verdict, Match: m}})
	}
	return out
}
