package nftables

import (
	"fmt"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
	"sgfw/policy/iptables"
	"sgfw/policy/space"
)

// reader reads the rules of one base chain for one family and direction.
type reader struct {
	*ruleset
	family policy.Family
	dir    policy.Direction
	prefix string // of the names of chains
	next   string // where what is accepted goes, "" for nowhere
	early  bool   // before connections are known
}

// reading is one rule while it is read.
type reading struct {
	*reader
	at   place
	pos  policy.Pos
	rule chains.Rule
	some space.Set // the selectors that are left, with any one address
	what bool      // it has conditions on selectors
	th   bool      // ports of any protocol
	rest space.Set // as some, but for such ports
	// anyPorts is set while such a condition is read.
	anyPorts bool
	either   []string // devices, one of which it is for
	source   string
	hop      string
	limits   bool
	over     bool
	decide   []chains.Rule // of a verdict map: what to add to the rule

	concats []concat
}

// several stands for source ports that are not one.
const several = "several"

var token = space.PeersOf(policy.AnyIPv4) // stands for any address in reading.some

// rules reads the rules of a chain.
func (x *reader) rules(c *chain) (out []chains.Rule) {
	all := space.Box(space.Span{Lo: 0, Hi: space.Last}, token)
	for i, n := range c.rules {
		expr := n.Get("expr")
		r := &reading{reader: x, at: c.at, pos: n.Pos(x.file), some: all, rest: all}
		r.rule = chains.Rule{Pos: r.pos, Text: text(n, "comment"), Code: code(expr)}
		if r.rule.Name = "rule " + text(n, "handle"); r.rule.Name == "rule " {
			r.rule.Name = "rule #" + strconv.Itoa(i+1)
		}
		r.rule.Name += " of " + c.at.String()
		if x.read++; x.tooMany() || x.d.Full() {
			return nil
		}
		if expr != nil {
			if expr.Kind != tree.List {
				r.errorf(expr.Pos(r.file), "", "this is no list of statements")
			}
			for _, statement := range expr.List() {
				r.statement(statement)
			}
		}
		out = append(out, r.finish()...)
	}
	return out
}

// tooMany reports whether more is to be read than anybody waits for, and says so.
func (x *reader) tooMany() bool {
	if x.read <= maxRules {
		return false
	}
	if x.read != tooMany {
		x.read = tooMany // once
		x.d.Errorf(policy.Pos{File: x.file}, "move addresses and ports into sets",
			"there are more than %d rules, those of several hooks and families counted for each", maxRules)
	}
	return true
}

const tooMany = 1 << 30

func (r *reading) unsaid(why string) {
	if r.rule.Match.Unsaid == nil {
		r.rule.Match.Unsaid = &chains.Unsaid{Why: why}
	}
}

// errorf reports what is wrong once, though rules are read for each family and direction.
func (r *reading) errorf(pos policy.Pos, hint, format string, a ...any) {
	if !r.said[pos] {
		r.said[pos] = true
		r.d.Errorf(pos, hint, "%s%s", r.rule.Subject(), fmt.Sprintf(format, a...))
	}
}

// statement reads one statement of a rule.
func (r *reading) statement(n *tree.Node) {
	only, v := n.Only()
	if only == nil {
		r.errorf(n.Pos(r.file), "", "this is no statement of nftables")
		return
	}
	switch key := only.Text; key {
	case "match":
		left, right := v.Get("left"), v.Get("right")
		if left == nil || right == nil {
			r.errorf(n.Pos(r.file), "", "this is no condition of nftables")
			return
		}
		r.match(left, text(v, "op"), right)
	case "vmap":
		r.vmap(v)
	case "limit":
		r.limits = true
		r.over = r.over || text(v, "inv") == "true"
	case "ct count":
		r.limits = true
		r.over = r.over || text(v, "inv") == "true"
	case "set", "map", "meter":
		r.update(v.Get("stmt"))
	case "counter", "log", "mangle", "ct timeout", "ct helper", "ct expectation", "dup":
	case "notrack":
		r.errorf(n.Pos(r.file), "", "the rule takes packets out of connection tracking, which is always "+
			"on here")
	case "queue":
		r.rule.Verdict = chains.Drop
		r.unsaid("a program decides")
	case "xt":
		r.unsaid("it is one of iptables; iptables-save says what it is")
		if table := r.filter(); table == "ip filter" || table == "ip6 filter" {
			r.rule.Match.Unsaid.Hint = "(iptables-save; ip6tables-save) | sgfw import -"
		}
	default:
		if !verdict(&r.rule, key, v) {
			r.unsaid("statement " + key + " is nothing that groups have")
		}
	}
}

// update reads what is kept for the elements of a set that changes: a limit for each of them is a
// condition of the rule.
func (r *reading) update(stmt *tree.Node) {
	if stmt == nil {
		return
	}
	list := []*tree.Node{stmt}
	if stmt.Kind == tree.List {
		list = values(stmt)
	}
	for _, n := range list {
		for key, v := range n.Fields() {
			switch key.Text {
			case "limit", "ct count", "quota":
				r.limits = true
				r.over = r.over || text(v, "inv") == "true"
			}
		}
	}
}

// verdict reads a verdict into a rule, if it is one.
func verdict(r *chains.Rule, key string, v *tree.Node) bool {
	switch key {
	case "accept":
		r.Verdict = chains.Accept
	case "drop", "reject":
		r.Verdict = chains.Drop
	case "return":
		r.Verdict = chains.Return
	case "jump":
		r.Verdict, r.To = chains.Jump, text(v, "target")
	case "goto":
		r.Verdict, r.To = chains.Goto, text(v, "target")
	case "continue":
		r.Verdict = chains.Continue
	default:
		return false
	}
	return true
}

// vmap reads a map of verdicts: a rule for each of its keys.
func (r *reading) vmap(v *tree.Node) {
	key, data := v.Get("key"), v.Get("data")
	if key == nil || data == nil {
		r.errorf(v.Pos(r.file), "", "this is no map of nftables")
		return
	}
	elems, known := r.pairs(r.at, data)
	switch {
	case !known:
		r.unsaid("map " + strings.TrimPrefix(say(data), "@") + " is unknown")
		r.rule.Verdict = chains.Drop // or anything else
		return
	case len(elems) == 0:
		r.rule.Match.Never = true
		return
	}
	r.decide = []chains.Rule{}
	for _, elem := range elems {
		value, say, to := pair(elem)
		if say == nil {
			r.errorf(elem.Pos(r.file), "", "this is no element of a map of verdicts")
			return
		}
		one := *r
		one.rule.Match.Devices = append([]chains.Device{}, r.rule.Match.Devices...)
		if one.decide = nil; r.tooMany() {
			return
		}
		r.read++
		one.match(key, "==", value)
		if !verdict(&one.rule, say.Text, to) {
			one.unsaid("verdict " + say.Text + " is unknown")
			one.rule.Verdict = chains.Drop
		}
		r.decide = append(r.decide, one.finish()...)
	}
}

// finish is what the rule becomes.
func (r *reading) finish() []chains.Rule {
	if r.decide != nil {
		return r.decide
	}
	if len(r.concats) > 0 {
		return r.expand()
	}
	m := &r.rule.Match
	r.failsafe()
	switch r.source {
	case "":
	case several:
		r.unsaid("it asks for source ports")
	default:
		r.unsaid("it asks for the source port " + r.source)
	}
	if r.hop != "" {
		r.unsaid("it asks for the hop limit")
	}
	switch {
	case !r.limits:
	case r.open && r.over:
		m.Never = true
	case r.open:
	default:
		m.Unsaid = &chains.Unsaid{Why: "it limits how often something is accepted", Grave: true,
			Hint: "--var limits=open takes such rules as if they did not limit"}
	}
	if m.Unsaid != nil && m.Unsaid.Hint == "" && r.rule.Verdict == chains.Drop {
		m.Unsaid.Hint = r.apartFrom()
	}
	if r.what {
		m.Spans = []space.Span{}
		for s := range r.some.All() {
			m.Spans = append(m.Spans, s)
		}
	}
	switch {
	case r.rule.Verdict == chains.Jump || r.rule.Verdict == chains.Goto:
		if r.chains[place{r.at.family, r.at.table, r.rule.To}] == nil {
			r.errorf(r.pos, "give the whole ruleset", "there is no chain %s of %s", r.rule.To, r.at.of())
			return nil
		}
		r.rule.To = r.prefix + r.rule.To
	case r.rule.Verdict == chains.Accept && r.next != "":
		r.rule.Verdict, r.rule.To = chains.Goto, r.next
	}
	out := []chains.Rule{r.rule}
	if r.th && r.rule.Verdict != chains.Accept && m.Unsaid == nil {
		// Other protocols have ports, too, and nobody asks for them here.
		other := r.rule
		other.Match.Spans = []space.Span{}
		rest := r.rest
		for _, p := range []policy.Protocol{policy.TCP, policy.UDP} {
			rest = rest.Minus(space.Box(space.Ports(p, 0, policy.MaxPort), token))
		}
		for s := range rest.All() {
			other.Match.Spans = append(other.Match.Spans, s)
		}
		other.Match.Unsaid = &chains.Unsaid{Why: "it asks for ports of any protocol"}
		if !rest.Empty() {
			out = append(out, other)
		}
	}
	if r.either == nil {
		return out
	}
	var each []chains.Rule
	for _, o := range out {
		for _, name := range r.either {
			one := o
			one.Match.Devices = append([]chains.Device{{Name: name}}, o.Match.Devices...)
			each = append(each, one)
		}
	}
	return each
}

// failsafe leaves out what passes anyway.
func (r *reading) failsafe() {
	if r.rule.Verdict != chains.Accept {
		return
	}
	has := func(s space.Span) bool {
		return !r.some.Empty() && space.Box(s, token).Covers(r.some)
	}
	m := &r.rule.Match
	m.Never = m.Never || r.source == "67" && has(space.Ports(policy.UDP, 68, 68)) ||
		r.source == "547" && has(space.Ports(policy.UDP, 546, 546)) ||
		r.source == "68" && has(space.Ports(policy.UDP, 67, 67)) && r.dir == policy.Egress ||
		r.source == "546" && has(space.Ports(policy.UDP, 547, 547)) && r.dir == policy.Egress
	if span, _ := iptables.Type(policy.ICMPv6, "redirect"); r.hop == "255" {
		nd := space.Ports(policy.ICMPv6, 133, -1)
		nd.Hi = span.Hi
		m.Never = m.Never || has(nd)
	}
}
