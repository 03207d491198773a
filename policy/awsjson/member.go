package awsjson

import (
	"cmp"
	"net/netip"
	"slices"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// member is a network interface.
type member struct {
	policy.Remote
	groups []string // IDs
}

// reservation reads a reservation of describe-instances.
func (i *importer) reservation(n *tree.Node) {
	if !i.object(n, "a reservation") {
		return
	}
	for _, item := range i.items(n, keyInstances) {
		i.instance(item)
	}
}

// instance reads an instance: its interfaces, which bear its name.
func (i *importer) instance(n *tree.Node) {
	if !i.object(n, "an instance") {
		return
	}
	for _, item := range i.items(n, keyInterfaces) {
		i.networkInterface(item, n)
	}
}

// networkInterface reads an interface of describe-network-interfaces, or one of an
// instance.
func (i *importer) networkInterface(n, instance *tree.Node) {
	if !i.object(n, "a network interface") {
		return
	}
	id, ok := i.id(n, "NetworkInterfaceId", "the network interface")
	if !ok || !i.count(n.Pos(i.file)) {
		return
	}
	m := member{Remote: policy.Remote{Pos: n.Pos(i.file)}}
	m.Name = cmp.Or(i.tags(instance, "Tags")["Name"], i.tags(n, "TagSet")["Name"],
		i.text(n, "Description"), i.text(instance, "InstanceId"),
		i.text(n.Get("Attachment"), "InstanceId"), id)
	for _, k := range []struct{ list, key string }{
		{"PrivateIpAddresses", "PrivateIpAddress"}, {"Ipv6Addresses", "Ipv6Address"},
		{"Ipv4Prefixes", "Ipv4Prefix"}, {"Ipv6Prefixes", "Ipv6Prefix"}} {
		for _, item := range i.items(n, k.list) {
			if i.object(item, "an item of "+k.list) {
				i.address(&m, item, k.key)
			}
		}
	}
	i.address(&m, n, "PrivateIpAddress")
	i.address(&m, n, "Ipv6Address")
	for _, g := range i.items(n, "Groups") {
		if i.object(g, "a group") {
			if id, ok := i.id(g, "GroupId", "the group"); ok {
				m.groups = append(m.groups, id)
				if name := i.text(g, "GroupName"); name != "" {
					i.names[id] = name
				}
			}
		}
	}
	at, there := i.interfaces[id]
	switch {
	case !there:
		i.interfaces[id] = len(i.members)
		i.members = append(i.members, m)
		i.Comment(m.Pos, "%s", id)
	case instance != nil: // the instance's name is the better one
		i.members[at].Name = m.Name
	}
}

// address adds an address or a prefix, if there is one.
func (i *importer) address(m *member, n *tree.Node, key string) {
	v := n.Get(key)
	if v == nil || v.Text == "" {
		return
	}
	p, bad := policy.ParseAddress(v.Text)
	if bad != nil {
		i.Add(v.Pos(i.file), bad)
		return
	}
	switch {
	case !p.IsSingleIP():
		m.Prefixes = append(m.Prefixes, p)
	case !slices.Contains(m.Addresses, p.Addr()):
		m.Addresses = append(m.Addresses, p.Addr())
	}
}

// placeMembers gives the interfaces to the draft.
func (i *importer) placeMembers() {
	for _, m := range i.members {
		i.Member(m.Remote, m.groups...)
	}
}

// addressesOf are those of the interfaces that have a group.
func (i *importer) addressesOf(id string) (entries []policy.PrefixEntry) {
	seen := map[netip.Prefix]bool{}
	for _, m := range i.members {
		if !slices.Contains(m.groups, id) {
			continue
		}
		for _, p := range m.Own() {
			if !seen[p] {
				seen[p] = true
				entries = append(entries, policy.PrefixEntry{CIDR: p, Description: m.Name, Pos: m.Pos})
			}
		}
	}
	return entries
}
