package iptables

import (
	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
)

// Import reads what iptables-save and ip6tables-save print, and ipset save. A file may have
// both families; sets come before the rules that name them, or in a file of their own.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	d := convert.NewDraft(o)
	r := NewReader(d, o)
	var tables []*Table
	for _, s := range setsFirst(sources) {
		tables = append(tables, r.Read(s)...)
	}
	var firewalls []chains.Firewall
	seen := map[policy.Family]*Table{}
	for _, t := range tables {
		if t.Family == 0 {
			t.Family = policy.IPv4
			d.Lost(t.Pos, "a file name with iptables or ip6tables in it says so",
				"nothing says of which family this is: it is read as IPv4")
		}
		if was := seen[t.Family]; was != nil {
			d.Errorf(t.Pos, "give one for each family", "line %d of %s has a filter table for %s, too",
				was.Pos.Line, was.Pos.File, t.Family)
			continue
		}
		seen[t.Family] = t
		firewalls = append(firewalls, chains.Firewall{Pos: t.Pos, Family: t.Family, Chains: t.Chains,
			In: t.Chains[0]["INPUT"], Out: t.Chains[1]["OUTPUT"]})
		if c := t.Chains[0]["FORWARD"]; c != nil && (len(c.Rules) > 0 || c.Policy == chains.Drop) {
			d.Lost(c.Pos, "leave those rules in place: sgfw does not touch them",
				"the rules of FORWARD are left out: these groups are for this machine")
		}
	}
	if len(firewalls) == 0 && !d.Failed() {
		at := policy.Pos{}
		if len(sources) > 0 {
			at.File = sources[0].Name
		}
		d.Errorf(at, "this is for what iptables-save prints", "there is no filter table")
	}
	for f, other := range map[policy.Family]policy.Family{policy.IPv4: policy.IPv6,
		policy.IPv6: policy.IPv4} {
		if t := seen[f]; t != nil && seen[other] == nil {
			d.Lost(t.Pos, "give the rules of both families",
				"there are no rules for %s here, so nothing of it passes", other)
		}
	}
	return Finish(d, "iptables", firewalls, r.Sets())
}

// setsFirst puts the files of ipset save first.
func setsFirst(sources []convert.Source) []convert.Source {
	var sets, rest []convert.Source
	for _, s := range sources {
		if len(s.Data) > 7 && string(s.Data[:7]) == "create " {
			sets = append(sets, s)
		} else {
			rest = append(rest, s)
		}
	}
	return append(sets, rest...)
}

// Finish translates firewalls and returns the result.
func Finish(d *convert.Draft, name string, firewalls []chains.Firewall, lists chains.Lists,
) convert.Result {
	if d.Failed() {
		return d.Finish()
	}
	attach, errors := chains.Import(d, name, firewalls, lists)
	r := d.Finish()
	r.Attach(attach...)
	if r.Policy != nil {
		r.Policy.Settings.ICMPErrors = errors
	}
	return r
}
