package cloudformation

import (
	"strconv"

	"sgfw/policy"
)

var listProperties = []string{"AddressFamily", "Entries", "MaxEntries", "PrefixListName", "Tags"}

// addLists adds the prefix lists of the template.
func (s *stack) addLists() { s.of(typeList, s.addList) }

func (s *stack) addList(r *resource) {
	f, ok := s.properties(r, listProperties)
	if !ok {
		return
	}
	l := policy.PrefixList{Name: r.id, Pos: r.at}
	switch name := f["PrefixListName"]; {
	case name.kind == text && name.text != "":
		if l.Name = name.text; l.Name != r.id {
			s.note(r, "%s in the template", r.id)
		}
	case name.kind == unknown:
		s.Lost(r.at, hintOf(name), "the name of prefix list %s is not known: %s", r.id, name.why)
	}
	switch family := f["AddressFamily"]; {
	case family.text == "IPv4" && family.kind == text:
		l.Family = policy.IPv4
	case family.text == "IPv6" && family.kind == text:
		l.Family = policy.IPv6
	default:
		at := family.at
		if family.kind == nothing {
			at = r.at
		}
		s.Errorf(at, "IPv4 or IPv6", "prefix list %s has the AddressFamily %s", r.id, family)
	}
	if most := f["MaxEntries"]; most.kind == text {
		n, err := strconv.Atoi(most.text)
		if err != nil || n < 1 || n > 1000 {
			s.Errorf(most.at, "1 to 1000", "MaxEntries of prefix list %s is %s", r.id, most)
			return
		}
		l.MaxEntries = n
	}
	if len(s.tags(f["Tags"])) > 0 {
		s.Lost(r.at, "", "the tags of prefix list %s are left out", r.id)
	}
	s.List(s.key(r.id), l)
	entries := f["Entries"]
	switch entries.kind {
	case nothing:
	case list:
		for _, item := range entries.items {
			s.addEntry(r, &l, item)
		}
	case unknown:
		s.unresolved(entries.at, entries, "", "the entries of prefix list %s", r.id)
	default:
		s.Errorf(entries.at, "it takes a list", "the entries of prefix list %s are %s", r.id, entries)
	}
}

func (s *stack) addEntry(r *resource, l *policy.PrefixList, v value) {
	switch v.kind {
	case object:
	case unknown:
		s.unresolved(v.at, v, "", "an entry of prefix list %s", r.id)
		return
	default:
		s.Errorf(v.at, "an entry has Cidr and Description", "an entry of prefix list %s is %s", r.id, v)
		return
	}
	f, ok := s.known(v, []string{"Cidr", "Description"})
	if !ok {
		return
	}
	cidr := f["Cidr"]
	if cidr.kind == nothing {
		s.Errorf(v.at, "", "an entry of prefix list %s has no Cidr", r.id)
		return
	}
	peer, ok := s.cidrPeer(cidr, "Cidr", l.Family)
	if ok {
		s.Entries(s.key(r.id), policy.PrefixEntry{CIDR: peer.CIDR, Pos: v.at,
			Description: s.line(v.at, f["Description"], "a description")})
	}
}
