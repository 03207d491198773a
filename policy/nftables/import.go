package nftables

import (
	"bytes"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
)

// place is what tables, chains and sets are known by.
type place struct{ family, table, name string }

// of is the table, as nft calls it.
func (p place) of() string { return p.family + " " + p.table }

// String is a chain as nft calls it.
func (p place) String() string { return p.of() + " " + p.name }

// chain is one as the source has it.
type chain struct {
	at     place
	pos    policy.Pos
	kind   string // "filter", "nat", … of a base chain
	hook   string
	prio   int
	drops  bool // by its policy
	rules  []*tree.Node
	number int // in the source
}

// ruleset is what the sources have.
type ruleset struct {
	d      *convert.Draft
	open   bool
	file   string
	chains map[place]*chain
	sets   map[place]*set
	named  map[string]int // how many sets of all tables have a name
	said   map[policy.Pos]bool
	read   int // rules, as often as they are
}

// Bounds of what is read.
const (
	maxSource = 8 << 20
	maxBases  = 8
	maxJSON   = 600_000 // values of the text
	maxRules  = 40_000  // that are read, for each family and direction and base chain
)

// Import reads what nft -j list ruleset prints.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	d := convert.NewDraft(o)
	rs := &ruleset{d: d, open: o.Vars["limits"] == "open", chains: map[place]*chain{},
		sets: map[place]*set{}, named: map[string]int{}, said: map[policy.Pos]bool{}}
	at := policy.Pos{}
	for i, s := range sources {
		at = policy.Pos{File: sources[0].Name}
		if i > 0 {
			d.Errorf(policy.Pos{File: s.Name}, "", "a ruleset is one file")
			break
		}
		rs.source(s)
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
		fw.In, fw.Chains[0] = rs.hook(policy.Ingress, f)
		fw.Out, fw.Chains[1] = rs.hook(policy.Egress, f)
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

// source reads the objects of a source.
func (rs *ruleset) source(s convert.Source) {
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
	r := tree.Reader{File: s.Name, Values: maxJSON,
		Listed: func(key string) bool { return key == "nftables" },
		Visit: func(p tree.Part) bool {
			if p.Key == "nftables" {
				rs.object(p.Node)
			}
			return !rs.d.Full()
		}}
	if bad := r.Read(s.Data); bad != nil {
		if strings.HasPrefix(bad.Message, "more than") {
			bad.Hint = "give the table that filters alone: nft -j list table inet filter"
		}
		rs.d.Add(bad.Pos, bad)
	}
}

// object reads one object of the ruleset.
func (rs *ruleset) object(n *tree.Node) {
	kind, o := n.Only()
	if kind == nil {
		rs.d.Errorf(n.Pos(rs.file), "", "this is no object of nftables")
		return
	}
	at := place{text(o, "family"), text(o, "table"), text(o, "name")}
	if at.table == "sgfw" {
		return // our own
	}
	pos := o.Pos(rs.file)
	switch kind.Text {
	case "chain":
		c := &chain{at: at, pos: pos, kind: text(o, "type"), hook: text(o, "hook"),
			drops: text(o, "policy") == "drop", number: len(rs.chains)}
		c.prio = priority(o.Get("prio"))
		if rs.chains[at] != nil {
			rs.d.Errorf(pos, "", "there are two chains %s", at)
		}
		rs.chains[at] = c
	case "rule":
		at.name = text(o, "chain")
		c := rs.chains[at]
		if c == nil {
			rs.d.Errorf(pos, "give the whole ruleset", "there is no chain %s", at)
			return
		}
		c.rules = append(c.rules, o)
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
