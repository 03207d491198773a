package nftables

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
)

// place is what tables, chains and sets are known by.
type place struct{ family, table, name string }

// chain is one as the source has it.
type chain struct {
	at     place
	pos    policy.Pos
	kind   string // "filter", "nat", … of a base chain
	hook   string
	prio   int
	drops  bool // by its policy
	rules  []tree.Node
	number int // in the source
}

// ruleset is what the sources have.
type ruleset struct {
	d      *convert.Draft
	open   bool
	file   string
	chains map[place]*chain
	sets   map[place]*set
	said   map[policy.Pos]bool
}

// Bounds of what is read.
const (
	maxSource = 8 << 20
	maxBases  = 8
)

// Import reads what nft -j list ruleset prints.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	d := convert.NewDraft(o)
	rs := &ruleset{d: d, open: o.Vars["limits"] == "open", chains: map[place]*chain{},
		sets: map[place]*set{}, said: map[policy.Pos]bool{}}
	at := policy.Pos{}
	for i, s := range sources {
		at = policy.Pos{File: sources[0].Name}
		if i > 0 {
			d.Errorf(policy.Pos{File: s.Name}, "", "a ruleset is one file")
			break
		}
		rs.read(s)
	}
	if len(rs.chains) == 0 && !d.Failed() {
		d.Errorf(at, "this is for what nft -j list ruleset prints", "there is no chain")
	}
	if d.Failed() {
		return d.Finish()
	}
	rs.others()
	var firewalls []chains.Firewall
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		fw := chains.Firewall{Pos: policy.Pos{File: at.File, Line: 1, Col: 1}, Family: f}
		fw.In, fw.Chains[0] = rs.hook("input", f, policy.Ingress)
		fw.Out, fw.Chains[1] = rs.hook("output", f, policy.Egress)
		if fw.In == nil && fw.Out == nil {
			d.Lost(fw.Pos, "give the whole ruleset; if that is all, allow what you need",
				"there are no chains for %s here, so nothing of it passes", f)
			continue
		}
		firewalls = append(firewalls, fw)
	}
	lists := chains.Lists{}
	for _, s := range rs.sets {
		if s.list.Name != "" {
			lists[s.list.Name] = s.list
		}
	}
	return iptables.Finish(d, "nftables", firewalls, lists)
}

// read reads the objects of a source.
func (rs *ruleset) read(s convert.Source) {
	rs.file = s.Name
	switch {
	case len(s.Data) > maxSource:
		rs.d.Errorf(policy.Pos{File: s.Name}, "", "the file has more than %d MB", maxSource>>20)
		return
	case !bytes.HasPrefix(bytes.TrimSpace(s.Data), []byte("{")):
		rs.d.Errorf(policy.Pos{File: s.Name, Line: 1, Col: 1}, "nft -j list ruleset | sgfw import -",
			"rulesets are read as nft -j prints them")
		return
	}
	r := tree.Reader{File: s.Name, Listed: func(key string) bool { return key == "nftables" },
		Visit: func(p tree.Part) bool {
			if p.Key == "nftables" {
				rs.object(&p.Node)
			}
			return !rs.d.Full()
		}}
	if bad := r.Read(s.Data); bad != nil {
		rs.d.Add(bad.Pos, bad)
	}
}

// object reads one object of the ruleset.
func (rs *ruleset) object(n *tree.Node) {
	if n.Kind != tree.Map || len(n.Members) != 1 {
		rs.d.Errorf(n.Pos(rs.file), "", "this is no object of nftables")
		return
	}
	kind, o := n.Members[0].Key, &n.Members[0].Node
	at := place{text(o, "family"), text(o, "table"), text(o, "name")}
	if at.table == "sgfw" {
		return // our own
	}
	pos := o.Pos(rs.file)
	switch kind {
	case "chain":
		c := &chain{at: at, pos: pos, kind: text(o, "type"), hook: text(o, "hook"),
			drops: text(o, "policy") == "drop", number: len(rs.chains)}
		c.prio = priority(o.Get("prio"))
		if rs.chains[at] != nil {
			rs.d.Errorf(pos, "", "there are two chains %q", at.name)
		}
		rs.chains[at] = c
	case "rule":
		at.name = text(o, "chain")
		c := rs.chains[at]
		if c == nil {
			rs.d.Errorf(pos, "give the whole ruleset", "there is no chain %q", at.name)
			return
		}
		c.rules = append(c.rules, *o)
	case "set", "map":
		rs.set(at, o)
	case "element":
		rs.d.Errorf(pos, "this is for what nft -j list ruleset prints", "elements stand in their sets")
	}
}

func text(n *tree.Node, key string) string {
	if v := n.Get(key); v != nil {
		return v.Text
	}
	return ""
}

// priority is that of a chain, by number or name.
func priority(n *tree.Node) int {
	if n == nil {
		return 0
	}
	if p, ok := n.Int(); ok {
		return p
	}
	return map[string]int{"raw": -300, "mangle": -150, "security": 50, "srcnat": 100}[n.Text]
}

// bases are the filter chains of a hook that packets of a family enter, in order.
func (rs *ruleset) bases(hook string, f policy.Family) (out []*chain) {
	for _, c := range rs.chains {
		if c.hook == hook && c.kind != "nat" && concerns(c.at.family, f) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *chain) int {
		return cmp.Or(cmp.Compare(a.prio, b.prio), cmp.Compare(a.number, b.number))
	})
	return out
}

// concerns reports whether tables of a family see packets of another one.
func concerns(table string, f policy.Family) bool {
	return table == "inet" || table == "ip" && f == policy.IPv4 || table == "ip6" && f == policy.IPv6
}

// hook is what packets of a family enter, with the chains that they may come to. It is nil
// where there is none, which accepts everything.
func (rs *ruleset) hook(name string, f policy.Family, dir policy.Direction) (*chains.Chain,
	map[string]*chains.Chain) {
	bases := rs.bases(name, f)
	all := map[string]*chains.Chain{}
	if len(bases) == 0 {
		return nil, all
	}
	if len(bases) > maxBases {
		rs.d.Errorf(bases[maxBases].pos, "", "more than %d chains have the hook %s", maxBases, name)
		return nil, all
	}
	// What a chain accepts goes to the next one; what one drops is dropped.
	for i, b := range bases {
		x := &reader{ruleset: rs, family: f, dir: dir, prefix: number(i)}
		if i+1 < len(bases) {
			x.next = number(i+1) + bases[i+1].at.name
		}
		for at, c := range rs.chains {
			if at.family == b.at.family && at.table == b.at.table && (c.hook == "" || c == b) {
				all[x.prefix+at.name] = &chains.Chain{Pos: c.pos}
			}
		}
		for at, c := range rs.chains {
			if to := all[x.prefix+at.name]; to != nil && at.family == b.at.family &&
				at.table == b.at.table && (c.hook == "" || c == b) {
				to.Rules = x.rules(c)
			}
		}
		end := chains.Rule{Pos: b.pos, Verdict: chains.Accept}
		if b.drops {
			end.Verdict = chains.Drop
		} else if x.next != "" {
			end.Verdict, end.To = chains.Goto, x.next
		}
		c := all[x.prefix+b.at.name]
		c.Rules = append(c.Rules, end)
	}
	first := all[number(0)+bases[0].at.name]
	first.Policy = chains.Drop // its last rule decides
	return first, all
}

func number(i int) string { return string(rune('a'+i)) + ":" }

// others says what of other hooks is left out.
func (rs *ruleset) others() {
	list := make([]*chain, 0, len(rs.chains))
	for _, c := range rs.chains {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *chain) int { return cmp.Compare(a.number, b.number) })
	noted := map[string]bool{}
	for _, c := range list {
		what := ""
		switch {
		case c.hook == "":
			continue
		case c.hook == "forward":
			what = "the chains of hook forward are left out: these groups are for this machine"
		case c.kind == "nat":
			what = "chains of type nat are left out: groups do not translate addresses"
		case c.hook == "prerouting" || c.hook == "ingress":
			if c.drops || rs.mayDrop(c, map[string]bool{}) {
				rs.d.Errorf(c.pos, "drop in a chain of hook input",
					"chain %q drops packets before those of hook input see them", c.at.name)
			}
			continue
		default:
			continue
		}
		if !noted[what] && (len(c.rules) > 0 || c.drops) {
			noted[what] = true
			rs.d.Lost(c.pos, "leave them in place: sgfw does not touch them", "%s", what)
		}
	}
}

// mayDrop reports whether a chain, or one that it leads to, has a rule that drops.
func (rs *ruleset) mayDrop(c *chain, seen map[string]bool) bool {
	if c == nil || seen[c.at.name] {
		return false
	}
	seen[c.at.name] = true
	for i := range c.rules {
		expr := c.rules[i].Get("expr")
		if expr == nil {
			continue
		}
		for j := range expr.Members {
			for _, m := range expr.Members[j].Members {
				switch m.Key {
				case "drop", "reject", "vmap":
					return true
				case "jump", "goto":
					at := c.at
					at.name = strings.TrimSpace(text(&m.Node, "target"))
					if rs.mayDrop(rs.chains[at], seen) {
						return true
					}
				}
			}
		}
	}
	return false
}
