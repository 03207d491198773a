package main

// rulesets are faults of how a policy becomes what the engine judges by.
var rulesets = []mutant{
	{
		name: "zero-crosses-families", what: "0.0.0.0/0 admits IPv6, ::/0 admits IPv4 (R20)",
		file: "filter/compile.go", packages: engine,
		old: "		grants[f] = append(grants[f], match.Grant{",
		new: "		if n == 0 {\n			grants[1-f] = append(grants[1-f], match.Grant{Key: k, Bits: n, Span: " +
			"match.Span{Lo: lo, Hi: hi, Rule: id}})\n		}\n		grants[f] = append(grants[f], match.Grant{",
	},
	{
		name: "icmp-widened", what: "an icmp rule with an IPv6 CIDR matches something (R12)",
		file: "filter/compile.go", packages: engine,
		old: "r.Protocol == policy.ICMP && f == 1 || ", new: "",
	},
	{
		name: "port-off-by-one-high", what: "the port above a range passes",
		file: "filter/selector.go", packages: engine,
		old: "base | match.Selector(r.From), base | match.Selector(r.To)",
		new: "base | match.Selector(r.From), (base | match.Selector(r.To)) + 1",
	},
	{
		name: "port-off-by-one-low", what: "the lowest port of a range does not pass",
		file: "filter/selector.go", packages: engine,
		old: "base | match.Selector(r.From), base | match.Selector(r.To)",
		new: "(base | match.Selector(r.From)) + 1, base | match.Selector(r.To)",
	},
	{
		name: "source-port", what: "rules look at the source port (R6)",
		file: "filter/selector.go", packages: engine,
		old: "match.Selector(p.Proto)<<16 | match.Selector(p.DstPort)",
		new: "match.Selector(p.Proto)<<16 | match.Selector(p.SrcPort)",
	},
	{
		name: "icmp-code-ignored", what: "a rule for one code admits every code of the type",
		file: "filter/selector.go", packages: engine,
		old: "		case r.To < 0:\n", new: "		case r.To < 256:\n",
	},
	{
		name: "icmp-type-ignored", what: "a rule for one type admits every type",
		file: "filter/selector.go", packages: engine,
		old: "		case r.From < 0:\n", new: "		case r.From < 256:\n",
	},
	{
		name: "fragment-has-port-0", what: "a later fragment is judged as port 0 (T25)",
		file: "filter/selector.go", packages: engine,
		old: "		return match.Portless\n", new: "		return match.Selector(p.Proto) << 16\n",
	},
	{
		name: "union-of-one", what: "only the first of several groups counts (D6)",
		file: "filter/compile.go", packages: engine,
		old: "	names = slices.Compact(slices.Sorted(slices.Values(names)))\n",
		new: "	names = slices.Compact(slices.Sorted(slices.Values(names[:min(1, len(names))])))\n",
	},
	{
		name: "group-peer-is-anyone", what: "a group reference admits every address (R27)",
		file: "filter/compile.go", packages: engine,
		old: "		return m.Addresses(peer.Name)\n",
		new: "		if len(m.Addresses(peer.Name)) > 0 {\n			return " +
			"[]netip.Prefix{policy.AnyIPv4, policy.AnyIPv6}\n		}\n		return nil\n",
	},
	{
		name: "guest-is-host", what: "a guest's device is judged as the machine's own (X6)",
		file: "filter/compile.go", packages: engine,
		old: "			inward = conntrack.Egress\n", new: "			inward = conntrack.Ingress\n",
	},
	{
		name: "sources-unchecked", what: "a guest sends from any address (D9)",
		file: "filter/address.go", packages: engine,
		old: "		return unspecified(addr) && ", new: "		return true || unspecified(addr) && ",
	},
	{
		name: "destinations-unchecked", what: "a guest gets what is for others (D9)",
		file: "filter/address.go", packages: engine,
		old: "	return toGroup(addr) || a.at.broadcasts",
		new: "	return true || toGroup(addr) || a.at.broadcasts",
	},
	{
		name: "scope-of-one", what: "devices of one scope do not share their flows (T26)",
		file: "filter/ruleset.go",
		old:  "scopeKey{shared: a.iface.Scope, ", new: "scopeKey{",
	},
	{
		name: "spoofed-dhcp", what: "DHCP exempts any source from the check (D9)",
		file: "filter/address.go", packages: engine,
		old: "		return unspecified(addr) && ", new: "		return ",
	},
	{
		name: "icmp-of-both-families", what: "an icmp rule with an IPv6 CIDR is one for ICMPv6 (R12)",
		file: "filter/compile.go", packages: engine,
		old: "			return // stays the ICMP of its name and matches nothing real (R12)\n",
		new: "			widened := *r\n			widened.Protocol = policy.ICMP + policy.ICMPv6 - r.Protocol\n			lo, " +
			"hi = selectorRange(&widened)\n",
	},
	{
		name: "errors-switch-stuck",
		what: "ICMP errors about live flows pass whatever icmp_errors says (T24)",
		file: "filter/compile.go", packages: engine,
		old: "			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,\n",
		new: "			related:  true,\n",
	},
	{
		name: "errors-unrelated", what: "ICMP errors are for the rules alone (T24)",
		file: "filter/compile.go", packages: engine,
		old: "			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,\n",
		new: "			related:  false,\n",
	},
	{
		name: "empty-group-is-anyone", what: "a group without members stands for everybody (R33)",
		file: "filter/compile.go", packages: engine,
		old: "		return m.Addresses(peer.Name)\n",
		new: "		if len(m.Addresses(peer.Name)) == 0 {\n			return " +
			"[]netip.Prefix{policy.AnyIPv4, policy.AnyIPv6}\n		}\n		return m.Addresses(peer.Name)\n",
	},
	{
		name: "all-is-up-to-udp", what: "all protocols are those up to UDP (R15)",
		file: "filter/selector.go", packages: engine,
		old: "		return 0, match.Portless | match.MaxLow\n",
		new: "		return 0, match.Selector(policy.UDP)<<16 | match.MaxLow\n",
	},
	{
		name: "untracked-never", what: "flows that rules for everybody permit both ways are tracked (T2)",
		file: "filter/compile.go", packages: engine,
		old: "p.Settings.Tracking == policy.TrackingAWS &&",
		new: "p.Settings.Tracking > policy.TrackingAWS &&",
	},
	{
		name: "untracked-always", what: "flows are untracked under tracking: always, too (T8)",
		file: "filter/compile.go", packages: engine,
		old: "p.Settings.Tracking == policy.TrackingAWS &&",
		new: "p.Settings.Tracking <= policy.TrackingAWS &&",
	},
	{
		name: "return-rule-needless",
		what: "a flow is untracked whatever its answers are permitted by (T2b)",
		file: "filter/open_rules.go", packages: engine,
		old: "w.returning[o.Reverse()][family][i]\n",
		new: "max(w.returning[o.Reverse()][family][i], match.Find(w.opening[o][family], " +
			"match.Selector(proto)<<16|match.Selector(asked)))\n",
	},
	{
		name: "return-rule-for-a-port", what: "a return rule for one port leaves flows untracked (T2b)",
		file: "filter/open_rules.go", packages: engine,
		old: "hi >= proto<<16|match.MaxLow", new: "hi >= proto<<16",
	},
	{
		name: "narrow-rule-is-wide",
		what: "a rule for a half of all addresses leaves flows untracked (T7)",
		file: "filter/open_rules.go", packages: engine,
		old: "r.Peer.CIDR.Bits() != 0", new: "r.Peer.CIDR.Bits() > 1",
	},
	{
		name: "wide-crosses-families",
		what: "a return rule of the other family leaves flows untracked (T3)",
		file: "filter/open_rules.go", packages: engine,
		old: "w.returning[o.Reverse()][family][i]\n",
		new: "max(w.returning[o.Reverse()][0][i], w.returning[o.Reverse()][1][i])\n",
	},
	{
		name: "single-address-is-a-pair", what: "a /32 admits its neighbour too",
		file: "filter/match/trie.go", packages: random,
		old: "	if a := p.Addr(); a.Is4() {\n",
		new: "	p = netip.PrefixFrom(p.Addr(), min(p.Bits(), p.Addr().BitLen()-1)).Masked()\n" +
			"	if a := p.Addr(); a.Is4() {\n",
	},
	{
		name: "list-of-one", what: "only the first entry of a prefix list counts",
		file: "filter/compile.go", packages: random,
		old: "					out[j] = l.Entries[j].CIDR\n", new: "					out[j] = l.Entries[0].CIDR\n",
	},
	{
		name: "stream-timer-of-udp", what: "the timer of UDP streams is that of single exchanges",
		file: "filter/compile.go", packages: random,
		old: "				UDPStream:   in.Timeouts.UDPStream,\n", new: "				UDPStream:   in.Timeouts.UDP,\n",
	},
	{
		name: "modes-share-flows", what: "a device in another mode goes on with its flows",
		file: "filter/ruleset.go", packages: engine,
		old: "	k := scopeKey{shared: a.iface.Scope, inward: a.inward}\n",
		new: "	k := scopeKey{shared: a.iface.Scope}\n",
	},
	{
		name: "classes-lose-their-surroundings",
		what: "prefixes with the same ranges share the wider rules of the first",
		file: "filter/match/matcher.go", packages: []string{"./filter/match"},
		old: "	word(next)\n", new: "",
	},
	{
		name: "page-ends-early", what: "the last range that begins in a page of ports is not looked at",
		file: "filter/match/matcher.go", packages: []string{"./filter/match"},
		old: "min(int(starts[page+1])+1, len(spans))", new: "min(int(starts[page+1]), len(spans))",
	},
}
