package main

// exports are faults of how a policy becomes a ruleset of nftables.
var exports = []mutant{
	{
		name: "exported-accept-all", what: "an exported ruleset lets everything pass",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "w.WriteString(\"\\t\\tdrop\\n\\t}\\n\")", new: "w.WriteString(\"\\t}\\n\")",
	},
	{
		name: "exported-drop-all", what: "an exported ruleset lets nothing pass",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "fmt.Fprintf(w, \"\\t\\tct state %s return\\n\", states)",
		new: "fmt.Fprintf(w, \"\\t\\tct state %s return\\n\\t\\tdrop\\n\", states)",
	},
	{
		name: "exported-stateless", what: "an exported ruleset knows no connections (T1)",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "	states := \"established,related\"\n", new: "	states := \"related\"\n",
	},
	{
		name: "exported-errors-dropped", what: "an exported ruleset drops ICMP errors (T24)",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "	states := \"established,related\"\n", new: "	states := \"established\"\n",
	},
	{
		name: "exported-errors-pass", what: "an exported ruleset never leaves ICMP errors to rules (T24)",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "		states = \"established\"\n", new: "		_ = states\n",
	},
	{
		name: "exported-forwards-all", what: "an exported ruleset forwards by one of two devices",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "\"\\t\\tjump from\\n\\t\\tjump to\\n\"", new: "\"\\t\\tjump from\\n\"",
	},
	{
		name: "exported-guest-is-host", what: "an exported ruleset takes guests for hosts (X6)",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "if n.Mode == policy.ModeGuest {", new: "if n.Mode != policy.ModeGuest && false {",
	},
	{
		name: "exported-pattern-first", what: "in an exported ruleset a pattern beats a name",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "return cmp.Or(policy.CompareDevices(a.Device, b.Device),",
		new: "return cmp.Or(policy.CompareDevices(b.Device, a.Device),",
	},
	{
		name: "exported-own-unasked", what: "an exported ruleset lets guests use any address (D9)",
		file: "policy/nftables/export_hook.go", packages: random,
		old: "		fmt.Fprintf(w, \"\\t\\tjump %s\\n\", x.own(n, dir))\n",
		new: "		x.own(n, dir)\n",
	},
	{
		name: "exported-multicast-is-a-stranger", what: "an exported ruleset drops multicast (D9)",
		file: "policy/nftables/export_link.go", packages: random,
		old: "	returns(groups4)\n	returns(groups6)\n", new: "	_, _ = groups4, groups6\n",
	},
	{
		name: "exported-link-local-is-a-stranger",
		what: "an exported ruleset drops link-local addresses of guests (D9)",
		file: "policy/nftables/export_link.go", packages: random,
		old: "	if !listed {\n", new: "	if listed {\n",
	},
	{
		name: "exported-failsafe-uncut", what: "an exported ruleset passes failsafes that are cut (X2)",
		file: "policy/nftables/export_link.go", packages: random,
		old: "			if x.safe(l) {\n", new: "			if true {\n",
	},
	{
		name: "exported-failsafe-reversed", what: "an exported ruleset has DHCP servers for clients (X2)",
		file: "policy/nftables/export_link.go", packages: random,
		old: "	if dir == policy.Ingress {\n		client,", new: "	if dir == policy.Egress {\n		client,",
	},
	{
		name: "exported-port-off-by-one", what: "an exported ruleset ends a range of ports early",
		file: "policy/nftables/export.go", packages: random,
		old: "%s dport %d-%d\", r.Protocol, r.From, r.To)",
		new: "%s dport %d-%d\", r.Protocol, r.From, max(r.From, r.To-1))",
	},
	{
		name: "exported-source-port", what: "an exported ruleset looks at the source port (R6)",
		file: "policy/nftables/export.go", packages: random,
		old: "%s dport %d\", r.Protocol, r.From)", new: "%s sport %d\", r.Protocol, r.From)",
	},
	{
		name: "exported-code-ignored", what: "an exported ruleset admits all codes of a type",
		file: "policy/nftables/export.go", packages: random,
		old: "			if r.To >= 0 {\n", new: "			if r.To > 255 {\n",
	},
	{
		name: "exported-peer-reversed", what: "an exported ruleset asks whom egress comes from (R5)",
		file: "policy/nftables/export.go", packages: random,
		old: "strings.Replace(field, \"saddr\", \"daddr\", 1)",
		new: "strings.Replace(field, \"daddr\", \"saddr\", 1)",
	},
	{
		name: "exported-zero-crosses-families", what: "in an exported ruleset 0.0.0.0/0 has IPv6 (R20)",
		file: "policy/nftables/export.go", packages: random,
		old: "			return \"meta nfproto ipv4\"\n", new: "			return \"meta nfproto { ipv4, ipv6 }\"\n",
	},
	{
		name: "exported-without-peers", what: "an exported ruleset forgets the members of groups (R27)",
		file: "policy/nftables/export.go", packages: random,
		old: "x.set(\"members\", p.Name, f, x.members.Addresses(p.Name))",
		new: "x.set(\"members\", p.Name, f, nil)",
	},
}
