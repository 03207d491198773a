package cloudformation

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// memberProperties are those of an interface, and those of an instance that say the same of
// its first one.
var memberProperties = []string{"GroupSet", "SecurityGroupIds", "SecurityGroups",
	"NetworkInterfaces", "PrivateIpAddress", "PrivateIpAddresses", "Ipv6Addresses", "Ipv4Prefixes",
	"Ipv6Prefixes", "Tags"}

// addMembers adds the interfaces and instances that have groups and fixed addresses.
func (s *stack) addMembers() {
	s.addPeers()
	s.of(typeInterface, func(r *resource) {
		f := s.memberOf(r)
		s.addMember(r, s.label(r, f), f, "GroupSet")
	})
	s.of(typeInstance, func(r *resource) {
		f := s.memberOf(r)
		label := s.label(r, f)
		if _, there := f["SecurityGroupIds"]; there {
			s.addMember(r, label, f, "SecurityGroupIds")
		} else {
			s.addMember(r, label, f, "SecurityGroups")
		}
		for i, item := range f["NetworkInterfaces"].items {
			if item.kind != object {
				continue
			}
			name := label
			if i > 0 {
				name += "-" + strconv.Itoa(i)
			}
			s.addMember(r, name, s.fields(item, memberProperties...), "GroupSet")
		}
	})
}

// addPeers adds what [Export] keeps in the template's metadata: interfaces on other machines,
// for which CloudFormation has no place.
func (s *stack) addPeers() {
	peers := s.root.Field("Metadata").Field(metadataKey).Field("Peers")
	if peers == nil || peers.Kind != tree.List {
		return
	}
	for _, n := range peers.Items {
		if !s.step(s.at(n)) {
			return
		}
		m := policy.Remote{Name: fieldText(n, "Name"), Pos: s.at(n)}
		for _, list := range []string{"Addresses", "SecurityGroups"} {
			if f := n.Field(list); f == nil || f.Kind != tree.List {
				s.Errorf(s.at(n), "a peer has Name, Addresses and SecurityGroups",
					"the peer has no list of %s", list)
				return
			}
		}
		for _, a := range n.Field("Addresses").Items {
			s.address(&m, textOf(s.at(a), a.Text))
		}
		var keys []string
		for _, g := range n.Field("SecurityGroups").Items {
			v := s.ref(g.Text, nil, s.at(g))
			if v.kind != groupRef {
				s.Errorf(s.at(g), "name the resource", "%s is no group of the template", policy.Quote(g.Text))
				return
			}
			keys = append(keys, v.text)
		}
		s.Member(m, keys...)
	}
}

// metadataKey is the part of a template's metadata that is ours.
const metadataKey = "sgfw"

// label is what an interface or instance is called: its tag Name, or its logical ID.
func (s *stack) label(r *resource, f map[string]value) string {
	return cmp.Or(s.tags(f["Tags"])["Name"], r.id)
}

// memberOf are the properties of a resource that make it a member.
func (s *stack) memberOf(r *resource) map[string]value {
	if r.properties == nil {
		return nil
	}
	v := s.eval(r.properties, r.scope)
	if v.kind != object {
		return nil
	}
	return s.fields(v, memberProperties...)
}

// addMember adds an interface with the groups of one of its properties, as far as they are
// here.
func (s *stack) addMember(r *resource, name string, f map[string]value, groups string) {
	var keys []string
	for _, v := range f[groups].items {
		switch {
		case v.kind == groupRef && !slices.Contains(keys, v.text):
			keys = append(keys, v.text)
		case v.kind == text && groups == "SecurityGroups":
			if g := s.groupNamed(v.text); g != nil && !slices.Contains(keys, g.key) {
				keys = append(keys, g.key)
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	m := policy.Remote{Name: name, Pos: r.at}
	s.address(&m, f["PrivateIpAddress"])
	for _, inner := range []struct{ property, field string }{
		{"PrivateIpAddresses", "PrivateIpAddress"}, {"Ipv6Addresses", "Ipv6Address"},
		{"Ipv4Prefixes", "Ipv4Prefix"}, {"Ipv6Prefixes", "Ipv6Prefix"},
	} {
		for _, item := range f[inner.property].items {
			if item.kind == object {
				s.address(&m, s.fields(item)[inner.field])
			}
		}
	}
	if !m.Listed() {
		s.lost(r.at, "list it under peers once it has one",
			"%s has no address in the template: rules that name its groups do not know it", name)
		return
	}
	if name != r.id {
		s.note(r, "%s in the template", r.id)
	}
	s.Member(m, keys...)
}

// address adds an address or a prefix to an interface, as far as it is known.
func (s *stack) address(m *policy.Remote, v value) {
	if v.kind != text {
		return
	}
	p, bad := policy.ParseAddress(v.text)
	switch {
	case bad != nil:
		s.Add(v.at, bad)
	case p.IsSingleIP() && !slices.Contains(m.Addresses, p.Addr()):
		m.Addresses = append(m.Addresses, p.Addr())
	case !p.IsSingleIP() && !slices.Contains(m.Prefixes, netip.Prefix(p)):
		m.Prefixes = append(m.Prefixes, p)
	}
}
