package ufw

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/iptables"
)

// Import reads files of ufw, which make one policy.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	d := convert.NewDraft(o)
	r := iptables.NewReader(d, o)
	defaults := Defaults{In: chains.Drop, Out: chains.Accept}
	said := false
	tables := map[policy.Family]map[string]*iptables.Table{policy.IPv4: {}, policy.IPv6: {}}
	first := policy.Pos{}
	for _, s := range sources {
		if isDefaults(s.Data) {
			defaults.read(d, s)
			said = true
			continue
		}
		describe(r, s)
		for _, t := range r.Read(s) {
			family, part := partOf(t)
			switch {
			case part == "":
				d.Errorf(t.Pos, "give user.rules and user6.rules of /etc/ufw",
					"this has no chains of ufw")
				continue
			case tables[family][part] != nil:
				d.Errorf(t.Pos, "", "%s has these chains, too", tables[family][part].Pos.File)
				continue
			}
			tables[family][part] = t
			if first.File == "" {
				first = t.Pos
			}
		}
	}
	if first.File == "" && !d.Failed() {
		at := policy.Pos{}
		if len(sources) > 0 {
			at.File = sources[0].Name
		}
		d.Errorf(at, "give user.rules and user6.rules of /etc/ufw", "there are no rules of ufw here")
	}
	if !said {
		d.Lost(first, "give that file, too, if the policies were changed",
			"without /etc/default/ufw: what comes in is denied and what goes out allowed by default")
	}
	var firewalls []chains.Firewall
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		if len(tables[f]) == 0 {
			if first.File != "" {
				d.Lost(first, "give the rules of both families",
					"there are no rules for %s here, so nothing of it passes", f)
			}
			continue
		}
		firewalls = append(firewalls, firewall(d, f, tables[f], defaults))
	}
	return iptables.Finish(d, "ufw", firewalls, r.Sets())
}

// partOf says which of ufw's files a table is from.
func partOf(t *iptables.Table) (f policy.Family, part string) {
	for name := range t.Chains[0] {
		rest, six := strings.CutPrefix(name, "ufw6-")
		if !six {
			var four bool
			if rest, four = strings.CutPrefix(name, "ufw-"); !four {
				continue
			}
		}
		f = policy.IPv4
		if six {
			f = policy.IPv6
		}
		for _, part := range []string{"before", "after", "user"} {
			if rest == part+"-input" || rest == part+"-output" {
				return f, part
			}
		}
	}
	return 0, ""
}

// firewall puts the chains of ufw's files together, as ufw does when it starts.
func firewall(d *convert.Draft, f policy.Family, parts map[string]*iptables.Table, by Defaults,
) chains.Firewall {
	out := chains.Firewall{Family: f, Chains: [2]map[string]*chains.Chain{{}, {}}}
	prefix := "ufw-"
	if f == policy.IPv6 {
		prefix = "ufw6-"
	}
	at := policy.Pos{}
	for _, part := range []string{"before", "user", "after"} {
		t := parts[part]
		if t == nil {
			continue
		}
		if at.File == "" || part == "user" {
			at = t.Pos
		}
		for dir, all := range t.Chains {
			for name, c := range all {
				out.Chains[dir][name] = c
			}
		}
		if c := t.Chains[0][prefix+part+"-forward"]; part == "user" && c != nil && len(c.Rules) > 0 {
			d.Lost(c.Rules[0].Pos, "leave ufw's rules for routing in place",
				"routed traffic is left out: these groups are for this machine")
		}
	}
	if parts["before"] == nil {
		d.Lost(at, "give before.rules and before6.rules, too",
			"without before.rules, ping is not allowed, nor what else ufw accepts by itself")
	}
	out.Pos = at
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
		for _, part := range []string{"before", "user", "after"} {
			to := prefix + part + "-" + name
			if out.Chains[dir][to] != nil {
				c.Rules = append(c.Rules, chains.Rule{Pos: at, Verdict: chains.Jump, To: to})
			}
		}
		return c
	}
	for dir := range out.Chains {
		if c := out.Chains[dir][prefix+"skip-to-policy-input"]; c == nil {
			out.Chains[dir][prefix+"skip-to-policy-input"] = &chains.Chain{Pos: at,
				Rules: []chains.Rule{{Pos: at, Verdict: by.In}}}
		}
	}
	out.In = base(policy.Ingress, by.In, "input")
	out.Out = base(policy.Egress, by.Out, "output")
	return out
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
