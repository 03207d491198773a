package terraform

import (
	"fmt"
	"net/netip"
	"strings"

	"sgfw/policy"
)

// member is an interface or instance with its groups.
type member struct {
	policy.Remote
	address string
	groups  []string
}

// attachment gives a member one more group.
type attachment struct {
	member, group string
}

// known are the texts of a list, or of a single text, that are known. What is not does not
// matter here.
func known(f field) (out []string) {
	if !f.set() || !f.v.IsKnown() {
		return nil
	}
	if s, ok := textOf(f.v); ok {
		return []string{s}
	}
	if !f.v.CanIterateElements() {
		return nil
	}
	for it := f.v.ElementIterator(); it.Next(); {
		_, v := it.Element()
		if s, ok := textOf(v); ok {
			out = append(out, s)
		}
	}
	return out
}

// member takes an interface or an instance. Its addresses are known in a state, and where
// somebody chose them.
func (t *translator) member(r *record) {
	m := member{address: r.address, Remote: policy.Remote{Name: r.address, Pos: r.pos}}
	if tags := t.tagsOf(r); tags != "" {
		m.Name = tags
	}
	if r.id != "" {
		t.Comment(r.pos, "%s, %s", r.id, printable(r.address))
	}
	for _, name := range []string{"vpc_security_group_ids", "security_groups"} {
		for _, s := range known(r.fields[name]) {
			m.groups = append(m.groups, orElse(address(s), s))
		}
	}
	for _, name := range []string{"private_ip", "private_ips", "private_ip_list",
		"secondary_private_ips", "ipv6_addresses", "ipv6_address_list"} {
		for _, s := range known(r.fields[name]) {
			if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" &&
				policy.CheckAddress(a) == nil && !contains(m.Addresses, a) {
				m.Addresses = append(m.Addresses, a)
			}
		}
	}
	for _, name := range []string{"ipv4_prefixes", "ipv6_prefixes"} {
		for _, s := range known(r.fields[name]) {
			if p, bad := policy.ParseAddress(s); bad == nil && !p.IsSingleIP() {
				m.Prefixes = append(m.Prefixes, p)
			}
		}
	}
	for _, id := range append([]string{r.address, r.id},
		known(r.fields["primary_network_interface_id"])...) {
		if id = orElse(address(id), id); id != "" {
			t.byID[id] = len(t.members)
		}
	}
	t.byID[r.address+".primary_network_interface_id"] = len(t.members)
	t.members = append(t.members, m)
}

func contains(list []netip.Addr, a netip.Addr) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}

// tagsOf is the tag Name, empty where it is not known.
func (t *translator) tagsOf(r *record) string {
	f := r.fields["tags"]
	if !f.set() || !f.v.IsKnown() || !f.v.Type().IsObjectType() && !f.v.Type().IsMapType() {
		return ""
	}
	for it := f.v.ElementIterator(); it.Next(); {
		key, v := it.Element()
		if key.IsKnown() && key.AsString() == "Name" {
			if s, ok := textOf(v); ok && !mixed(s) && strings.TrimSpace(s) != "" {
				return printable(short255(s))
			}
		}
	}
	return ""
}

// attachment takes an aws_network_interface_sg_attachment.
func (t *translator) attachment(r *record) {
	group, a := textOf(r.fields["security_group_id"].v)
	to, b := textOf(r.fields["network_interface_id"].v)
	if a && b {
		t.attach = append(t.attach, attachment{orElse(address(to), to), orElse(address(group), group)})
	}
}

// addMembers adds the members that have addresses.
func (t *translator) addMembers() {
	for _, a := range t.attach {
		if i, there := t.byID[a.member]; there {
			t.members[i].groups = append(t.members[i].groups, a.group)
		}
	}
	without, first := 0, policy.Pos{}
	for _, m := range t.members {
		groups := m.groups[:0:0]
		for _, g := range m.groups {
			if !t.HasGroup(g) && t.names[g] != "" {
				g = t.names[g]
			}
			if t.HasGroup(g) {
				groups = append(groups, g)
			}
		}
		switch {
		case len(groups) == 0:
		case !m.Listed():
			if without++; without == 1 {
				first = m.Pos
			}
		default:
			t.Member(m.Remote, groups...)
		}
	}
	if without > 0 {
		noun := "1 interface or instance has"
		if without > 1 {
			noun = fmt.Sprintf("%d interfaces or instances have", without)
		}
		t.Lost(first, "write them under peers, or import a state", "%s groups and no address that is "+
			"known: as peers they are left out", noun)
	}
}
