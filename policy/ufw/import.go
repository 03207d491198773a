package ufw

import (
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/iptables"
)

// files are what the sources have: the chains of ufw's parts, by family and name of the part.
type files struct {
	d        *convert.Draft
	parts    map[policy.Family]map[string]*iptables.Table
	defaults Defaults
	first    policy.Pos
}

// Import reads files of ufw, which make one policy.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	d := convert.NewDraft(o)
	r := iptables.NewReader(d, o)
	f := &files{d: d, defaults: Defaults{In: chains.Drop, Out: chains.Accept},
		parts: map[policy.Family]map[string]*iptables.Table{policy.IPv4: {}, policy.IPv6: {}}}
	said := false
	for _, s := range sources {
		if isDefaults(s.Data) {
			f.defaults.read(d, s)
			said = true
			continue
		}
		describe(r, s)
		f.add(r.Read(s))
	}
	if f.first.File == "" && !d.Failed() {
		at := policy.Pos{}
		if len(sources) > 0 {
			at.File = sources[0].Name
		}
		d.Errorf(at, "give user.rules and user6.rules of /etc/ufw", "there are no rules of ufw here")
	}
	if !said && f.first.File != "" {
		d.Lost(f.first, "give that file, too, if the policies were changed",
			"without /etc/default/ufw: what comes in is denied and what goes out allowed by default")
	}
	return iptables.Finish(d, "ufw", f.firewalls(), r.Sets())
}

// firewalls are those of the families that have rules.
func (f *files) firewalls() (out []chains.Firewall) {
	for _, family := range []policy.Family{policy.IPv4, policy.IPv6} {
		switch {
		case f.first.File == "":
		case family == policy.IPv6 && f.defaults.Only4:
			f.d.Lost(f.first, "with IPV6=yes in /etc/default/ufw its rules count",
				"IPV6=no in /etc/default/ufw: nothing of IPv6 passes, whatever the rules for it say")
		case len(f.parts[family]) == 0:
			f.d.Lost(f.first, "give the rules of both families",
				"there are no rules for %s here, so nothing of it passes", family)
		default:
			out = append(out, firewall(f.d, family, f.parts[family], f.defaults))
		}
	}
	return out
}

// add adds the tables of one source. A file may have several, which go to the kernel one after
// the other: those without chains of a part of their own belong to the part before.
func (f *files) add(tables []*iptables.Table) {
	var family policy.Family
	var part string
	here := map[*iptables.Table]bool{}
	for i, t := range tables {
		own, name := partOf(t)
		for j := i + 1; name == "" && part == "" && j < len(tables); j++ {
			own, name = partOf(tables[j])
		}
		if name != "" {
			family, part = own, name
		}
		switch was := f.parts[family][part]; {
		case part == "":
			f.d.Errorf(t.Pos, "give user.rules and user6.rules of /etc/ufw",
				"this has no chains of ufw")
		case was == nil:
			f.parts[family][part] = t
			here[t] = true
			if f.first.File == "" {
				f.first = t.Pos
			}
		case here[was]:
			was.Append(t)
		default:
			f.d.Errorf(t.Pos, "", "%s has these chains, too", was.Pos.File)
		}
	}
}

// partOf says which of ufw's files a table is from.
func partOf(t *iptables.Table) (f policy.Family, part string) {
	for _, part := range []string{"before", "user", "after"} {
		for _, name := range []string{part + "-input", part + "-output"} {
			switch {
			case t.Chains[0]["ufw-"+name] != nil:
				return policy.IPv4, part
			case t.Chains[0]["ufw6-"+name] != nil:
				return policy.IPv6, part
			}
		}
	}
	return 0, ""
}

// firewall puts the chains of ufw's files together, as ufw does when it starts.
func firewall(d *convert.Draft, f policy.Family, parts map[string]*iptables.Table, by Defaults,
) chains.Firewall {
	prefix := "ufw-"
	if f == policy.IPv6 {
		prefix = "ufw6-"
	}
	at := policy.Pos{}
	whole := iptables.NewTable(f, at)
	for _, part := range []string{"before", "after", "user"} { // as ufw-init loads them
		t := parts[part]
		if t == nil {
			continue
		}
		if at.File == "" || part == "user" {
			at = t.Pos
		}
		whole.Append(t)
		if c := t.Chains[0][prefix+part+"-forward"]; part == "user" && c != nil && len(c.Rules) > 0 {
			d.Lost(c.Rules[0].Pos, "leave ufw's rules for routing in place",
				"routed traffic is left out: these groups are for this machine")
		}
	}
	others(d, whole.Chains[0], prefix)
	if parts["before"] == nil {
		d.Lost(at, "give before.rules and before6.rules, too",
			"without before.rules, ping is not allowed, nor what else ufw accepts by itself")
	}
	out := chains.Firewall{Pos: at, Family: f, Chains: whole.Chains}
	at.Col = 2 // what is said about the whole stands above the group
	base := func(dir policy.Direction, end chains.Verdict, name string) *chains.Chain {
		c := &chains.Chain{Pos: at, Policy: end}
		if parts["before"] == nil { // which begins so
			c.Rules = append(c.Rules, chains.Rule{Pos: at, Verdict: chains.Accept,
				Match: chains.Match{States: chains.Established | chains.Related}})
		}
		// These write to the log alone.
		for _, log := range []string{"logging-deny", "logging-allow", "user-logging-" + name,
			"user-limit"} {
			if out.Chains[dir][prefix+log] == nil {
				c := &chains.Chain{Pos: at}
				if log == "user-limit" {
					c.Rules = []chains.Rule{{Pos: at, Verdict: chains.Drop}}
				}
				out.Chains[dir][prefix+log] = c
			}
		}
		// The rules of before.rules end with a jump to those of the user.
		before, user := out.Chains[dir][prefix+"before-"+name], prefix+"user-"+name
		if before != nil && out.Chains[dir][user] != nil {
			before.Rules = append(before.Rules, chains.Rule{Pos: at, Verdict: chains.Jump, To: user})
		}
		for _, part := range []string{"before", "user", "after"} {
			to := prefix + part + "-" + name
			if out.Chains[dir][to] != nil && (part != "user" || before == nil) {
				c.Rules = append(c.Rules, chains.Rule{Pos: at, Verdict: chains.Jump, To: to})
			}
		}
		return c
	}
	for dir, ends := range [2]map[string]chains.Verdict{{"input": by.In}, {"output": by.Out}} {
		for name, verdict := range ends {
			if to := prefix + "skip-to-policy-" + name; out.Chains[dir][to] == nil {
				out.Chains[dir][to] = &chains.Chain{Pos: at,
					Rules: []chains.Rule{{Pos: at, Verdict: verdict}}}
			}
		}
	}
	out.In = base(policy.Ingress, by.In, "input")
	out.Out = base(policy.Egress, by.Out, "output")
	return out
}

// others says what becomes of chains that are none of ufw's and that no rule leads to.
func others(d *convert.Draft, all map[string]*chains.Chain, prefix string) {
	led := map[string]bool{}
	for _, c := range all {
		for i := range c.Rules {
			led[c.Rules[i].To] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		if strings.HasPrefix(name, prefix) || led[name] || len(c.Rules) == 0 {
			continue
		}
		begins := name == "INPUT" || name == "OUTPUT"
		drops := slices.ContainsFunc(c.Rules, func(r chains.Rule) bool {
			return r.Verdict != chains.Accept && r.Verdict != chains.Continue
		})
		pos := c.Rules[0].Pos
		if begins && drops {
			d.Errorf(pos, "write them into chain "+prefix+"before-"+strings.ToLower(name),
				"rules of chain %s itself are not followed, and they may drop something", name)
			continue
		}
		d.Lost(pos, "leave them in place: sgfw does not touch them",
			"the rules of chain %s are left out: none of ufw's leads there", name)
	}
}

// describe gives rules the comments and names of programs that their tuples have.
func describe(r *iptables.Reader, s convert.Source) {
	text, n := "", 0
	for line := range strings.SplitSeq(string(s.Data), "\n") {
		n++
		switch tuple, is := strings.CutPrefix(line, "### tuple ### "); {
		case is:
			text = tupleText(strings.Fields(tuple))
		case strings.HasPrefix(line, "-A ") && text != "":
			r.Describe(policy.Pos{File: s.Name, Line: n, Col: 1}, text)
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			text = ""
		}
	}
}

// tupleText is the comment of a tuple, or the names of the programs that it is for.
func tupleText(words []string) string {
	for _, w := range words {
		if c, is := strings.CutPrefix(w, "comment="); is {
			if raw, err := hex.DecodeString(c); err == nil {
				return strings.ToValidUTF8(string(raw), "")
			}
		}
	}
	words = slices.DeleteFunc(slices.Clone(words),
		func(w string) bool { return strings.HasPrefix(w, "comment=") })
	// action protocol dport dst sport src dapp sapp direction
	if len(words) == 9 {
		for _, w := range words[6:8] {
			if name, err := url.PathUnescape(w); err == nil && name != "-" {
				return strings.ToValidUTF8(name, "")
			}
		}
	}
	return ""
}
