package file

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
)

// reference is the table of the file's parts and keys. The reader takes these keys and
// no others; the JSON Schema, the manual page and the reference in docs/policy.md are
// made of it.
var reference = folded(slices.Concat(
	[]Part{fileTable}, listTable, groupTable, aclTable, interfaceTable, []Part{quotaTable},
	settingsTable, []Part{flowLogTable},
))

// folded joins the lines of all texts.
func folded(parts []Part) []Part {
	fold := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	for i := range parts {
		parts[i].Text = fold(parts[i].Text)
		for j := range parts[i].Keys {
			parts[i].Keys[j].Text = fold(parts[i].Keys[j].Text)
		}
	}
	return parts
}

var fileTable = Part{Text: fmt.Sprintf(`The file is one YAML document of at most %d MiB and %d
	lines, items and comments: 100000 rules fit.`, MaxSize>>20, maxStructure), Keys: []Key{
	{Name: "version", Kind: KindNumber, Low: version, High: version, Required: true,
		Text: "The version of the format."},
	{Name: "prefix_lists", Kind: KindList, Default: "none",
		Text: "Named lists of CIDRs, for rules to refer to."},
	{Name: "security_groups", Kind: KindList, Default: "none", Text: "The groups of rules."},
	{Name: "default_security_group", Kind: KindMapping, Default: "see below",
		Text: "Other rules for the default group."},
	{Name: "network_acls", Kind: KindList, Default: "none",
		Text: `Numbered rules that allow and deny, for every packet of an interface. Most policies
			need none.`},
	{Name: "interfaces", Kind: KindList, Default: "none",
		Text: `The network devices that groups are attached to. Devices that no entry covers are
			not filtered.`},
	{Name: "peers", Kind: KindList, Default: "none",
		Text: `Interfaces on other machines, so that rules that refer to groups know their
			addresses.`},
	{Name: "quotas", Kind: KindMapping, Default: "see below", Text: "How much the policy may hold."},
	{Name: "settings", Kind: KindMapping, Default: "see below", Text: "How the daemon works."},
}}

var listTable = []Part{
	{"prefix_lists[]", "A prefix list names CIDRs of one address family.", []Key{
		{Name: "name", Required: true, Text: "A name that no other list has."},
		{Name: "max_entries", Kind: KindNumber, Low: 1, Default: "number of entries",
			Text: "How many rules a reference to the list counts as, as in AWS; see quotas."},
		{Name: "address_family", Kind: KindWord,
			Words: namesOf([]policy.Family{policy.IPv4, policy.IPv6}),
			Text: `The family of the entries, for a list that has none yet. Quotas charge a reference
				to the list in its family; without entries and family, in both.`},
		{Name: "entries", Kind: KindList, Required: true, Text: "What the list holds; may be empty."},
	}},
	{"prefix_lists[].entries[]", "", []Key{
		{Name: "cidr", Kind: KindCIDR, Required: true, Text: "Such as 10.0.0.0/8 or 2001:db8::/32."},
		{Name: "description", Text: "For people."},
	}},
}

var quotaTable = Part{
	Path: "quotas",
	Text: fmt.Sprintf(`AWS's quotas, which it raises on request: rules_per_security_group times
		security_groups_per_interface is at most %d. A policy beyond one of them is refused. From
		four fifths of one on, check and reload say so.`, policy.MaxRulesPerInterface),
	Keys: quotaKeys(map[string]string{
		"rules_per_security_group": `How many rules a group has at most, in each direction and for
			each family. A CIDR counts 1 in its family, a group 1 in each, a prefix list its
			max_entries in its family.`,
		"security_groups_per_interface": "How many groups an interface or a peer has at most.",
		"security_groups":               "How many groups there are at most.",
		"prefix_lists":                  "How many prefix lists there are at most.",
		"network_acls":                  "How many network ACLs there are at most.",
		"rules_per_network_acl": `How many rules a network ACL has at most, in each direction and for
			each family, the last one (*) included.`,
		"prefix_list_entries": "How large max_entries of a prefix list is at most.",
	}),
}

// quotaKeys are the keys of the quotas with their texts.
func quotaKeys(texts map[string]string) (keys []Key) {
	defaults := policy.DefaultQuotas
	for _, name := range policy.QuotaKeys() {
		keys = append(keys, Key{
			Name: name, Kind: KindNumber, Low: 1, High: policy.QuotaCeiling(name),
			Default: fmt.Sprint(*defaults.Field(name)), Text: texts[name],
		})
	}
	return keys
}
