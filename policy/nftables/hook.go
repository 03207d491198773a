package nftables

import (
	"cmp"
	"slices"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
)

// hooks are those that packets to and from this machine meet, in order.
var hooks = [2][]string{policy.Ingress: {"prerouting", "input"},
	policy.Egress: {"output", "postrouting"}}

// The kernel's own places among the priorities of a hook.
const (
	tracking    = -200 // connections are known after it
	translation = -100 // addresses are translated after it
)

// bases are the filter chains that packets of a direction and family enter, in order. Of the
// hooks that forwarded packets meet too, only those that may drop count.
func (rs *ruleset) bases(dir policy.Direction, f policy.Family) (out []*chain) {
	at := func(c *chain) int { return slices.Index(hooks[dir], c.hook) }
	for _, c := range rs.chains {
		if at(c) < 0 || c.kind == "nat" || !concerns(c.at.family, f) {
			continue
		}
		if c.hook == "input" || c.hook == "output" || rs.drops(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *chain) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.prio, b.prio),
			cmp.Compare(a.number, b.number))
	})
	return out
}

// concerns reports whether tables of a family see packets of another one.
func concerns(table string, f policy.Family) bool {
	return table == "inet" || table == "ip" && f == policy.IPv4 || table == "ip6" && f == policy.IPv6
}

// hook is what packets of a direction and family enter, with the chains that they may come to.
// It is nil where there is none, which accepts everything.
func (rs *ruleset) hook(dir policy.Direction, f policy.Family) (*chains.Chain,
	map[string]*chains.Chain) {
	bases := rs.bases(dir, f)
	all := map[string]*chains.Chain{}
	if len(bases) == 0 {
		return nil, all
	}
	if len(bases) > maxBases {
		c := bases[maxBases]
		rs.d.Errorf(c.pos, "", "more than %d chains have the hook %s", maxBases, c.hook)
		return nil, all
	}
	// What a chain accepts goes to the next one; what one drops is dropped. Its policy is
	// for what comes back from its rules, by return and from the end of goto, too.
	for i, b := range bases {
		x := &reader{ruleset: rs, family: f, dir: dir, prefix: number(i),
			early: b.hook == "prerouting" && b.prio <= tracking}
		end := chains.Rule{Pos: b.pos, Verdict: chains.Accept, Name: "the policy of " + b.at.String()}
		if i+1 < len(bases) {
			x.next = number(i + 1)
			end.Verdict, end.To = chains.Goto, x.next
		}
		if b.drops {
			end.Verdict, end.To = chains.Drop, ""
		}
		x.follow(b, all)
		all[x.prefix] = &chains.Chain{Pos: b.pos, Policy: chains.Drop, Name: end.Name,
			Rules: []chains.Rule{{Pos: b.pos, Verdict: chains.Jump, To: x.prefix + b.at.name}, end}}
	}
	return all[number(0)], all
}

func number(i int) string { return string(rune('a'+i)) + ":" }

// follow reads a chain and those that its rules lead to.
func (x *reader) follow(c *chain, all map[string]*chains.Chain) {
	if all[x.prefix+c.at.name] != nil {
		return
	}
	to := &chains.Chain{Pos: c.pos}
	all[x.prefix+c.at.name] = to
	to.Rules = x.rules(c)
	for _, name := range x.targets(c) {
		at := c.at
		at.name = name
		if other := x.chains[at]; other != nil {
			x.follow(other, all)
		}
	}
}

// verdicts yields the verdicts of the rules of a chain as nft names them, also those of maps:
// "drop" if nobody knows.
func (rs *ruleset) verdicts(c *chain, yield func(key string, v *tree.Node)) {
	for _, rule := range c.rules {
		for _, statement := range rule.Get("expr").List() {
			for key, v := range statement.Fields() {
				if key.Text != "vmap" {
					yield(key.Text, v)
					continue
				}
				elems, known := rs.pairs(c.at, v.Get("data"))
				if !known {
					yield("drop", v)
				}
				for _, elem := range elems {
					if _, verdict, to := pair(elem); verdict != nil {
						yield(verdict.Text, to)
					}
				}
			}
		}
	}
}

// targets are the chains that the rules of a chain lead to.
func (rs *ruleset) targets(c *chain) (out []string) {
	seen := map[string]bool{}
	rs.verdicts(c, func(key string, v *tree.Node) {
		if to := text(v, "target"); (key == "jump" || key == "goto") && !seen[to] {
			seen[to] = true
			out = append(out, to)
		}
	})
	return out
}

// drops reports whether a chain, or one that it leads to, may drop packets.
func (rs *ruleset) drops(c *chain) bool {
	seen := map[string]bool{}
	var may func(c *chain) bool
	may = func(c *chain) (is bool) {
		if c == nil || seen[c.at.name] {
			return false
		}
		seen[c.at.name] = true
		rs.verdicts(c, func(key string, _ *tree.Node) {
			is = is || key == "drop" || key == "reject" || key == "queue" || key == "synproxy"
		})
		for _, name := range rs.targets(c) {
			at := c.at
			at.name = name
			is = is || may(rs.chains[at])
		}
		return is
	}
	return c.drops || may(c)
}

// translates reports whether a table with a chain of type nat for packets that arrive gives
// some of them to another address or port.
func (rs *ruleset) translates(f policy.Family) (is bool) {
	tables := map[string]bool{}
	for at, c := range rs.chains {
		if c.kind == "nat" && c.hook == "prerouting" && concerns(at.family, f) {
			tables[at.of()] = true
		}
	}
	for at, c := range rs.chains {
		if tables[at.of()] {
			rs.verdicts(c, func(key string, _ *tree.Node) {
				is = is || key == "dnat" || key == "redirect" || key == "tproxy"
			})
		}
	}
	return is
}
