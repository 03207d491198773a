package terraform

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// cty2 is a text as a value.
func cty2(s string) cty.Value { return cty.StringVal(s) }

// prefixList takes a list with its own entries.
func (t *translator) prefixList(r *record) {
	l := policy.PrefixList{Pos: r.pos, Name: r.fallback()}
	if s, known := textOf(r.fields["name"].v); known && !mixed(s) {
		l.Name = s
	} else if r.fields["name"].set() {
		t.Lost(r.pos, t.hintFor(r.fields["name"]), "the name of the prefix list is not known: it is "+
			"called %q", l.Name)
	}
	if s, known := textOf(r.fields["address_family"].v); known {
		switch strings.ToLower(s) {
		case "ipv4":
			l.Family = policy.IPv4
		case "ipv6":
			l.Family = policy.IPv6
		default:
			t.errorf(r.fields["address_family"].pos, "IPv4 or IPv6", "address_family cannot be %s",
				describe(cty2(s)))
		}
	}
	if f := r.fields["max_entries"]; f.set() && f.v.IsKnown() {
		l.MaxEntries, _ = t.number(f, "max_entries")
	}
	if r.id != "" {
		t.Comment(r.pos, "%s, %s", r.id, printable(r.address))
	}
	if !t.List(r.key(), l) {
		return
	}
	for _, p := range r.blocks["entry"] {
		t.entry(r.key(), p.fields, p.pos, l.Family)
	}
}

// entry adds an entry to a list.
func (t *translator) entry(key string, fields map[string]field, at policy.Pos,
	family policy.Family) {
	f := fields["cidr"]
	s, known := textOf(f.v)
	switch {
	case !f.set():
		t.errorf(at, "", "the entry has no cidr")
		return
	case !known:
		t.unresolved(f, "cidr")
		return
	}
	cidr, ok := t.cidr(item{s, f.pos}, "cidr", 0)
	if !ok {
		return
	}
	t.room(at, 1)
	if family != 0 && policy.FamilyOf(cidr) != family {
		t.errorf(f.pos, "", "%s is not of the family of its list, %s", cidr, family)
		return
	}
	t.Entries(key, policy.PrefixEntry{CIDR: cidr, Pos: at,
		Description: t.description(fields["description"], at)})
}

// listEntry takes an aws_ec2_managed_prefix_list_entry.
func (t *translator) listEntry(r *record) {
	f := r.fields["prefix_list_id"]
	s, known := textOf(f.v)
	if !known {
		if f.set() {
			t.unresolved(f, "prefix_list_id")
		} else {
			t.errorf(r.pos, "", "the entry has no prefix_list_id")
		}
		return
	}
	key := orElse(address(s), s)
	if !t.HasList(key) {
		name := t.foreignName(key)
		t.List(key, policy.PrefixList{Name: name, Pos: r.pos})
		t.Lost(r.pos, "import what declares the list too", "prefix list %s is not in the files: it "+
			"has only the entries that are", name)
	}
	t.entry(key, r.fields, r.pos, 0)
}
