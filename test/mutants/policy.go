package main

// policies are faults of how a policy is read and checked.
var policies = []mutant{
	{
		name: "no-default-egress", what: "members of the default group send nothing (D1)",
		file: "policy/group.go", packages: []string{"./policy/file"},
		old: "		Ingress: DefaultIngress(), Egress: DefaultEgress(),\n",
		new: "		Ingress: DefaultIngress(),\n",
	},
	{
		name: "default-group-open", what: "the default group lets everybody in (D2)",
		file: "policy/group.go", packages: []string{"./policy/file"},
		old: "Peer: Peer{Kind: PeerGroup, Name: DefaultName, Self: true}",
		new: "Peer: Peer{Kind: PeerCIDR, CIDR: AnyIPv4}",
	},
	{
		name: "description-is-identity", what: "a rule with another description has another ID (R3)",
		file: "policy/rule.go", packages: []string{"./policy"},
		old: "r.Peer.CIDR, r.Peer.Name}\n", new: "r.Peer.CIDR, r.Peer.Name + r.Description}\n",
	},
	{
		name: "empty-cidr-is-anyone", what: "a rule with an empty CIDR is for everybody",
		file: "policy/peer.go", packages: []string{"./policy/..."},
		old: "	case s == \"\":\n", new: "	case s == \"\":\n		return AnyIPv4, nil\n	case s == \"-\":\n",
	},
	{
		name: "empty-is-default", what: "a group with an empty egress permits everything out (D3)",
		file: "policy/file/policy.go", packages: []string{"./policy/..."},
		old: "	if f[\"egress\"] == nil {\n",
		new: "	if n := f[\"egress\"]; n == nil || len(n.Content) == 0 {\n",
	},
	{
		name: "apostrophe-taken", what: "names and descriptions take apostrophes (R37)",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "const namePunctuation = `", new: "const namePunctuation = `'",
	},
	{
		name: "as-aws-only-says-so", what: "check --as-aws refuses nothing",
		file: "policy/problem.go", packages: []string{"./policy/..."},
		old: "		if out[i].AWS {\n", new: "		if out[i].AWS && i < 0 {\n",
	},
	{
		name: "empty-list-of-both-families", what: "an empty list with a family counts in both",
		file: "policy/prefix_list.go", packages: []string{"./policy/..."},
		old: "	return !known || f == IPv4, !known || f == IPv6\n",
		new: "	return !known || f != 0, !known || f != 0\n",
	},
	{
		name: "first-port-of-a-list", what: "of a list of ports the first is open and no other",
		file: "policy/file/rule.go", packages: []string{"./policy/..."},
		old: "	for _, s := range spans {\n", new: "	for _, s := range spans[:1] {\n",
	},
	{
		name: "tags-are-identity", what: "the tags of a rule are part of its ID (R3)",
		file: "policy/rule.go", packages: []string{"./policy"},
		old: "r.Peer.CIDR, r.Peer.Name}\n", new: "r.Peer.CIDR, r.Peer.Name + r.Tags[\"a\"]}\n",
	},
	{
		name: "preset-tracks-everything", what: "preset: aws tracks every flow (T8)",
		file: "policy/preset.go", packages: []string{"./policy/..."},
		old: "	if p != NoPreset {\n", new: "	if p > PresetAWSNitroV6 {\n",
	},
	{
		name: "preset-without-timers", what: "preset: aws-nitro-v6 keeps idle connections for days",
		file: "policy/preset.go", packages: []string{"./policy/..."},
		old: "	if p == PresetAWSNitroV6 {\n", new: "	if p > PresetAWSNitroV6 {\n",
	},
	{
		name: "preset-sees-the-host", what: "preset: aws judges what this machine rewrote (X8)",
		file: "policy/preset.go", packages: []string{"./policy/..."},
		old: "	return ViewWire\n", new: "	return ViewLocal\n",
	},
	{
		name: "preset-wins", what: "an exemption of a preset cannot be taken back",
		file: "policy/file/settings.go", packages: []string{"./policy/..."},
		old: "		s.Exempt = 0 // in place of those of a preset\n", new: "",
	},
	{
		name: "ampersand-refused", what: "descriptions take no & (R36)",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "=&;{}!$*`", new: "=;{}!$*`",
	},
	{
		name: "description-of-256", what: "a description of 256 characters is taken",
		file: "policy/text.go", packages: []string{"./policy/..."},
		old: "MaxDescription = 255", new: "MaxDescription = 256",
	},
	{
		name: "bare-address-taken", what: "an address without a length is taken (R17)",
		file: "policy/peer.go", packages: rules,
		old: "	address, length, slashed := strings.Cut(s, \"/\")\n",
		new: "	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == \"\" {\n		return " +
			"netip.PrefixFrom(a, a.BitLen()), nil\n	}\n	address, length, slashed := strings.Cut(s, \"/\")\n",
	},
	{
		name: "host-bits-kept", what: "a CIDR keeps its host bits (R16)",
		file: "policy/peer.go", packages: rules,
		old: "		return prefix.Masked(), nil\n",
		new: "		return prefix, nil\n",
	},
	{
		name: "mapped-taken", what: "IPv4 mapped into IPv6 is a CIDR like others (R21)",
		file: "policy/peer.go", packages: rules,
		old: "		if prefix.Addr().Is4In6() {\n",
		new: "		if prefix.Addr().Is4In6() && s == \"\" {\n",
	},
	{
		name: "names-like-ids", what: "a group may be called sg-x (R35)",
		file: "policy/text.go", packages: rules,
		old: "len(name) >= 3 && strings.EqualFold(name[:3], \"sg-\")",
		new: "len(name) >= 300 && strings.EqualFold(name[:3], \"sg-\")",
	},
	{
		name: "range-costs-its-ports", what: "a range of ports counts as many rules (Q5)",
		file: "policy/usage.go", packages: rules,
		old: "		v4, v6 := cost(&rules[i].Peer, v.lists)\n",
		new: "		v4, v6 := cost(&rules[i].Peer, v.lists)\n		if r := &rules[i]; r.Protocol.HasPorts() " +
			"{\n			v4, v6 = v4*(r.To-r.From+1), v6*(r.To-r.From+1)\n		}\n",
	},
	{
		name: "list-costs-entries", what: "a prefix list costs what it holds, not what it may hold (Q3)",
		file: "policy/usage.go", packages: rules,
		old: "				v4 = list.MaxEntries\n", new: "				v4 = len(list.Entries)\n",
	},
	{
		name: "group-costs-once", what: "a group peer counts in one family only (Q3)",
		file: "policy/usage.go", packages: rules,
		old: "	case PeerGroup:\n		return 1, 1\n", new: "	case PeerGroup:\n		return 1, 0\n",
	},
	{
		name: "deletion-unseen", what: "a group that is taken away while in use was never there (R46)",
		file: "policy/missing.go", packages: rules,
		old: "		p.Code = DependencyViolation\n", new: "",
	},
	{
		name: "first-duplicate-wins", what: "a rule with another description is a rule of its own (R3)",
		file: "policy/rule.go", packages: rules,
		old: "	return RuleID{r.Protocol, r.From, r.To, r.Peer.Kind, r.Peer.CIDR, r.Peer.Name}\n",
		new: "	return RuleID{r.Protocol, r.From, r.To, r.Peer.Kind, r.Peer.CIDR, r.Peer.Name + " +
			"r.Description}\n",
	},
	{
		name: "one-counter", what: "both families share one counter (Q2)",
		file: "policy/usage.go", packages: rules,
		old: "			used[f] += n\n", new: "			used[0] += n\n			used[1] = used[0]\n",
	},
	{
		name: "members-of-ipv4", what: "a group stands for no IPv6 address (R31)",
		file: "policy/member/member.go", packages: random,
		old: "		if !a.IsGlobalUnicast() || ", new: "		if !a.IsGlobalUnicast() || a.Is6() || ",
	},
}
