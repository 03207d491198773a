package terraform

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// translator makes parts of a policy of records.
type translator struct {
	*evaluator
	names map[string]string // keys of groups by name
	// foreign are what rules refer to, in their order; some of it turns out to be here.
	foreign []foreign
	seen    map[string]bool
	// partial are groups of which only rules are here.
	partial map[string]bool
	members []member
	byID    map[string]int // of members
	attach  []attachment
	rules   int
	roots   []*module
	// stateACLs are the network ACLs of states, and aclParts what else is said of them.
	stateACLs []*stateACL
	aclParts  []stateACLPart
}

// foreign is something that a rule refers to.
type foreign struct {
	key, name string
	pos       policy.Pos
	list      bool
}

// maxRules bounds the rules of an import.
const maxRules = 200_000

func newTranslator(e *evaluator) *translator {
	return &translator{evaluator: e, names: map[string]string{}, seen: map[string]bool{},
		partial: map[string]bool{}, byID: map[string]int{}}
}

// declare takes records that rules refer to.
func (t *translator) declare(r *record) {
	switch r.typ {
	case "aws_security_group", "aws_default_security_group":
		t.group(r)
	case "aws_ec2_managed_prefix_list":
		t.prefixList(r)
	}
}

// relate takes records that refer to others.
func (t *translator) relate(r *record) {
	switch r.typ {
	case "aws_security_group_rule":
		t.groupRule(r)
	case "aws_vpc_security_group_ingress_rule":
		t.vpcRule(r, policy.Ingress)
	case "aws_vpc_security_group_egress_rule":
		t.vpcRule(r, policy.Egress)
	case "aws_ec2_managed_prefix_list_entry":
		t.listEntry(r)
	case "aws_network_interface", "aws_instance":
		t.member(r)
	case "aws_network_interface_sg_attachment":
		t.attachment(r)
	}
}

// finish adds what needed all records.
func (t *translator) finish() {
	t.machines()
	t.addMembers()
	for _, f := range t.foreign {
		switch {
		case f.list && !t.HasList(f.key):
			t.Absent(f.key, f.pos, f.name, "the prefix list is not here")
		case !f.list && !t.HasGroup(f.key):
			t.Absent(f.key, f.pos, f.name, "the group is not here")
		}
	}
}

// key is what a record is referred to by: what AWS calls it if that is known.
func (r *record) key() string { return orElse(r.id, r.address) }

// label is the network of a group: its ID, or what stands for it.
func (t *translator) label(f field) string {
	s, known := textOf(f.v)
	switch {
	case known && s == "" || !f.set():
		return ""
	case known:
		return printable(short255(shown(s)))
	}
	for _, g := range f.gaps {
		if g.ref != "" {
			return printable(short255(g.ref))
		}
	}
	return ""
}

func short255(s string) string {
	if r := []rune(s); len(r) > policy.MaxName {
		return string(r[:policy.MaxName])
	}
	return s
}

// peerKey is what a text refers to, by the key of a group or list.
func (t *translator) peerKey(s string, list bool, pos policy.Pos) string {
	key := orElse(address(s), s)
	if !list && !t.HasGroup(key) {
		if _, id, ok := strings.Cut(key, "/"); ok && t.HasGroup(id) { // ACCOUNT/sg-…
			key = id
		} else if named := t.names[key]; named != "" {
			key = named
		}
	}
	if !t.seen[key] {
		t.seen[key] = true
		t.foreign = append(t.foreign, foreign{key: key, name: t.foreignName(key), pos: pos,
			list: list})
	}
	return key
}

// foreignName is a name for what is not in the sources.
func (t *translator) foreignName(key string) string {
	name := printable(short255(key))
	for _, m := range t.roots {
		if r := m.cfg.byName[key]; r != nil {
			if a := r.block().attrs["name"]; a != nil {
				if s, known := textOf(m.eval(a, nil).v); known && s != "" && !mixed(s) {
					return printable(short255(s))
				}
			}
		}
	}
	return name
}

// target is the group that a rule belongs to. One that is not in the sources gets the rules
// that are.
func (t *translator) target(f field, r *record) (string, bool) {
	s, known := textOf(f.v)
	if !known {
		if !f.set() {
			t.errorf(r.pos, "", "the rule has no security_group_id")
		} else {
			t.unresolved(f, "security_group_id")
		}
		return "", false
	}
	if s == "" || mixed(s) && address(s) == "" {
		t.errorf(f.pos, "", "security_group_id is %s, no group", describe(cty.StringVal(s)))
		return "", false
	}
	key := orElse(address(s), s)
	if t.HasGroup(key) {
		return key, true
	}
	name := t.foreignName(key)
	if strings.HasPrefix(strings.ToLower(name), "sg-") || strings.EqualFold(name, policy.DefaultName) {
		name = "group " + name
	}
	t.partial[key] = true
	t.Group(key, "", policy.Group{Name: name, Pos: r.pos})
	t.Lost(r.pos, "import what declares the group too", "group %s is not in the files: it has only "+
		"the rules that are", name)
	return key, true
}

// room counts rules, of which there may not be too many.
func (t *translator) room(pos policy.Pos, n int) {
	if t.rules += n; t.rules > maxRules {
		t.where = pos
		panic(overrun{})
	}
}
