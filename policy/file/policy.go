package file

import (
	"slices"
	"strings"

	"sgfw/policy"
)

// version is the only version of the format there is.
const version = 1

// policy reads the whole file. What cannot be read is reported and left out.
func (d *decoder) policy(root *node) *policy.Policy {
	p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
	f, ok := d.mapping(root, "the policy", policyKeys)
	if !ok {
		return p
	}
	// Settings and quotas have no position of their own: theirs is the zero one.
	d.parts[place{}] = root
	if n := f["version"]; n == nil {
		d.errorAt(d.at(root), policy.MissingParameter, "begin with: version: 1",
			"the policy has no version")
	} else if v, ok := d.number(n, "version"); ok && v != version {
		d.invalid(n, "this program reads version 1", "version %d is unknown", v)
	}
	for _, n := range d.items(f["prefix_lists"], "prefix_lists") {
		if list, ok := d.prefixList(n); ok {
			p.PrefixLists = append(p.PrefixLists, list)
		}
	}
	for _, n := range d.items(f["security_groups"], "security_groups") {
		if group, ok := d.group(n); ok {
			p.Groups = append(p.Groups, group)
		}
	}
	for _, n := range d.items(f["network_acls"], "network_acls") {
		if acl, ok := d.networkACL(n); ok {
			p.NetworkACLs = append(p.NetworkACLs, acl)
		}
	}
	edited := d.defaultGroup(p, f["default_security_group"])
	if n := f["settings"]; n != nil {
		d.settings(n, &p.Settings)
	}
	for _, n := range d.items(f["interfaces"], "interfaces") {
		if i, ok := d.iface(n, p.Settings.Preset); ok {
			p.Interfaces = append(p.Interfaces, i)
		}
	}
	for _, n := range d.items(f["peers"], "peers") {
		if r, ok := d.remote(n); ok {
			p.Remotes = append(p.Remotes, r)
		}
	}
	if n := f["quotas"]; n != nil {
		d.quotas(n, &p.Quotas)
	}
	if !edited && p.Group(policy.DefaultName) == nil && names(p, policy.DefaultName) {
		p.Groups = append(p.Groups, policy.DefaultGroup())
	}
	if p.NetworkACL(policy.DefaultName) == nil && slices.ContainsFunc(p.Interfaces,
		func(i policy.Interface) bool { return i.NetworkACL == policy.DefaultName }) {
		p.NetworkACLs = append(p.NetworkACLs, policy.DefaultNetworkACL())
	}
	return p
}

// defaultGroup reads what the file says of the default group, of which each half
// that it leaves out is as AWS creates it. It is false if the file says nothing.
func (d *decoder) defaultGroup(p *policy.Policy, n *node) bool {
	if n == nil || unusable(n) {
		return false
	}
	if n.Kind != mappingNode {
		// [], false and none all mean to delete the group, which is impossible.
		d.errorAt(d.at(n), policy.CannotDelete, "ingress: [] and egress: [] leave it without rules",
			"the default group cannot be deleted")
		return false
	}
	f, ok := d.mapping(n, "the default group", defaultKeys)
	if !ok {
		return false
	}
	g := policy.DefaultGroup()
	g.Pos, g.Tags = d.part(n), d.tags(f["tags"])
	if f["ingress"] != nil {
		g.Ingress = d.rules(f["ingress"], g.Name, policy.Ingress)
	}
	if f["egress"] != nil {
		g.Egress = d.rules(f["egress"], g.Name, policy.Egress)
	}
	p.Groups = append(p.Groups, g)
	return true
}

// names reports whether anything in the policy refers to a group.
func names(p *policy.Policy, group string) bool {
	refers := func(rules []policy.Rule) bool {
		return slices.ContainsFunc(rules, func(r policy.Rule) bool {
			return r.Peer.Kind == policy.PeerGroup && r.Peer.Name == group
		})
	}
	return slices.ContainsFunc(p.Groups,
		func(g policy.Group) bool { return refers(g.Ingress) || refers(g.Egress) }) ||
		slices.ContainsFunc(p.Interfaces,
			func(i policy.Interface) bool { return slices.Contains(i.Groups, group) }) ||
		slices.ContainsFunc(p.Remotes,
			func(r policy.Remote) bool { return slices.Contains(r.Groups, group) })
}

// items is list without the distinction between no list and an empty one.
func (d *decoder) items(n *node, key string) []*node {
	items, _ := d.list(n, key)
	return items
}

// name reads the name by which others refer to a part. It is false when the value is no
// text. Validation reports a name that is left out.
func (d *decoder) name(n *node, key string) (string, bool) {
	name, ok := d.text(n, key)
	return name, ok || n == nil
}

// description reads free text that may be left out. For a value that is no text, which
// has been reported, it returns a placeholder, so that validation does not report it
// again.
func (d *decoder) description(n *node) string {
	s, ok := d.text(n, "description")
	if !ok && n != nil {
		return "-"
	}
	return s
}

func (d *decoder) prefixList(n *node) (list policy.PrefixList, ok bool) {
	f, ok := d.mapping(n, "a prefix list", listKeys)
	if !ok {
		return list, false
	}
	list.Pos = d.part(n)
	entries := d.items(f["entries"], "entries")
	if f["entries"] == nil {
		d.errorAt(list.Pos, policy.MissingParameter, "write entries: [] for an empty list",
			"the prefix list has no entries")
	}
	list.MaxEntries = len(entries)
	if most := f["max_entries"]; most != nil {
		if v, ok := d.number(most, "max_entries"); ok && v < 1 {
			d.invalid(most, "at least 1", "max_entries %d is out of range", v)
		} else if ok {
			list.MaxEntries = v
		}
	}
	for _, e := range entries {
		ef, ok := d.mapping(e, "an entry", entryKeys)
		if !ok {
			continue
		}
		entry := policy.PrefixEntry{Description: d.description(ef["description"]), Pos: d.part(e)}
		if ef["cidr"] == nil {
			d.errorAt(entry.Pos, policy.MissingParameter, "such as 10.0.0.0/8", "the entry has no cidr")
			continue
		}
		if entry.CIDR, ok = d.cidr(ef["cidr"], "cidr"); ok {
			list.Entries = append(list.Entries, entry)
		}
	}
	family := d.word(f["address_family"], "address_family", "prefix_lists[]")
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		if family == f.String() {
			list.Family = f
		}
	}
	list.Family, _ = list.FamilyOf()
	list.Name, ok = d.name(f["name"], "name")
	return list, ok
}

func (d *decoder) group(n *node) (g policy.Group, ok bool) {
	f, ok := d.mapping(n, "a security group", groupKeys)
	if !ok {
		return g, false
	}
	g.Pos = d.part(n)
	g.Description = d.description(f["description"])
	if g.Description == "" {
		g.Description = policy.DefaultDescription
	}
	g.Tags = d.tags(f["tags"])
	name := f["name"]
	switch prefix := f["name_prefix"]; {
	case prefix != nil && name != nil:
		d.errorAt(d.at(prefix), policy.InvalidParameterCombination, "keep one of them",
			"name_prefix stands beside name")
	case prefix != nil:
		name = prefix
		d.noticeOnce(prefix, "name_prefix", "name_prefix is taken as the name: names are not generated "+
			"here", "write name")
	}
	if g.Name, ok = d.name(name, "name"); strings.HasSuffix(g.Name, " ") {
		g.Name = strings.TrimRight(g.Name, " ") // as AWS does
		d.found.Add(policy.Problem{Pos: d.at(name), Severity: policy.SeverityNotice,
			Message: "the spaces at the end of the name are left out"})
	}
	if vpc := f["vpc_id"]; vpc != nil {
		g.VPCID, _ = d.text(vpc, "vpc_id")
		d.noticeOnce(vpc, "vpc_id", "vpc_id is a label here: a machine is in no VPC", "groups are "+
			"attached to devices under interfaces")
	}
	g.Ingress = d.rules(f["ingress"], g.Name, policy.Ingress)
	if f["egress"] == nil {
		g.Egress = policy.DefaultEgress()
	} else {
		g.Egress = d.rules(f["egress"], g.Name, policy.Egress)
	}
	return g, ok
}

// quotas reads what is under `quotas:` over the defaults in q.
func (d *decoder) quotas(n *node, q *policy.Quotas) {
	f, _ := d.mapping(n, "quotas", quotasKeys)
	for _, key := range quotasKeys {
		if most, ok := d.number(f[key], "quotas."+key); ok {
			*q.Field(key) = most
		}
	}
}

// tags reads a mapping from any text to text.
func (d *decoder) tags(n *node) map[string]string {
	if n == nil || unusable(n) {
		return nil
	}
	if n.Kind != mappingNode {
		d.invalid(n, "such as { Name: web }", "tags must be a mapping, not %s", describe(n))
		return nil
	}
	tags := make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := d.text(n.Content[i], "a tag key")
		value, good := d.text(n.Content[i+1], "the value of a tag")
		if ok && good {
			tags[key] = value
		}
	}
	return tags
}
