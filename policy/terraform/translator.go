package terraform

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

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

// group takes a group with its own rules.
func (t *translator) group(r *record) {
	g := policy.Group{Pos: r.pos, VPCID: t.label(r.fields["vpc_id"]),
		Tags: t.tags(r.fields["tags"])}
	also := ""
	if r.id != "" {
		also = r.address
		t.Comment(r.pos, "%s, %s", r.id, printable(r.address))
	}
	if r.typ == "aws_default_security_group" {
		g.Name = policy.DefaultName
		if also == "" && g.VPCID != "" {
			also = g.VPCID + ".default_security_group_id"
		}
	} else {
		g.Name = t.groupName(r)
		g.Description = t.description(r.fields["description"], r.pos)
	}
	key := r.key()
	if !t.Group(key, also, g) {
		return // the same in two states
	}
	if t.names[g.Name] == "" {
		t.names[g.Name] = key
	}
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for _, p := range r.blocks[d.String()] {
			t.inline(key, d, p)
		}
	}
}

// groupName is the name of a group: what is written, else what its address has.
func (t *translator) groupName(r *record) string {
	for _, name := range []string{"name", "name_prefix"} {
		f := r.fields[name]
		if !f.set() {
			continue
		}
		v, err := convert.Convert(f.v, cty.String)
		if err == nil && v.IsKnown() && !v.IsNull() && !mixed(v.AsString()) {
			if s := v.AsString(); name == "name" && s != "" {
				return s
			} else if s = strings.TrimRight(s, "-_ "); s != "" {
				return s
			}
			continue
		}
		if v.IsKnown() && v.IsNull() {
			continue
		}
		called := r.fallback()
		t.Lost(r.pos, t.hintFor(f), "the %s of the group is not known: it is called %q",
			strings.ReplaceAll(name, "_", " "), called)
		return called
	}
	return r.fallback()
}

// hintFor says how to give what is not known.
func (t *translator) hintFor(f field) string {
	for _, g := range f.gaps {
		if g.ref != "" && g.note == "" {
			return "--var '" + strings.TrimPrefix(g.ref, "var.") + "=…'"
		}
	}
	return ""
}

// nobody are labels that say nothing.
var nobody = []string{"this", "main", "default", "sg", "security_group", "group",
	"this_name_prefix", "self", "it", "module"}

// fallback is a name for what has none.
func (r *record) fallback() string {
	name := r.label
	if path := strings.TrimSuffix(r.module, "."); path != "" && slices.Contains(nobody, name) {
		name = path[strings.LastIndex(path, "module.")+len("module."):]
		name = strings.Map(func(c rune) rune {
			if strings.ContainsRune(`"[]`, c) {
				return -1
			}
			return c
		}, name)
	}
	if r.index != "" {
		name += "-" + shown(r.index)
	}
	if strings.EqualFold(name, policy.DefaultName) || len(name) > 2 &&
		strings.EqualFold(name[:3], "sg-") {
		name = "group-" + name
	}
	return printable(name)
}

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

// textOf is a value as a text, and whether it is one that is known.
func textOf(v cty.Value) (string, bool) {
	if v == cty.NilVal {
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || !s.IsKnown() || s.IsNull() {
		return "", false
	}
	return s.AsString(), true
}

// description is a description; one that is not known is left out.
func (t *translator) description(f field, at policy.Pos) string {
	if !f.set() {
		return ""
	}
	s, known := textOf(f.v)
	if !known || mixed(s) {
		t.Lost(at, t.hintFor(f), "the description is not known")
		return ""
	}
	return strings.TrimRight(s, "\n")
}

// tags are the tags that are known.
func (t *translator) tags(f field) map[string]string {
	if !f.set() {
		return nil
	}
	if !f.v.IsKnown() || !f.v.Type().IsObjectType() && !f.v.Type().IsMapType() {
		t.notice(f.pos, t.hintFor(f), "the tags are not known")
		return nil
	}
	out := map[string]string{}
	lost := false
	for it := f.v.ElementIterator(); it.Next(); {
		key, v := it.Element()
		if v.IsKnown() && v.IsNull() {
			continue
		}
		s, known := textOf(v)
		if !known || mixed(s) || !key.IsKnown() || mixed(key.AsString()) {
			lost = true
			continue
		}
		out[key.AsString()] = s
	}
	if lost {
		t.notice(f.pos, t.hintFor(f), "tags whose values are not known are left out")
	}
	if len(out) == 0 {
		return nil
	}
	return out
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

// number is a whole number of a field.
func (t *translator) number(f field, name string) (n int, ok bool) {
	v := f.v
	if !f.set() {
		return 0, false
	}
	if v.IsKnown() {
		if c, err := convert.Convert(v, cty.Number); err == nil && c.IsKnown() {
			if i, exact := c.AsBigFloat().Int64(); exact == 0 && i >= -1 && i <= 1<<20 {
				return int(i), true
			}
		}
		t.errorf(f.pos, "", "%s must be a number, not %s", name, describe(v))
		return 0, false
	}
	t.unresolved(f, name)
	return 0, false
}

// truth is a boolean of a field.
func (t *translator) truth(f field, name string) (yes, ok bool) {
	if !f.set() {
		return false, true
	}
	if !f.v.IsKnown() {
		t.unresolved(f, name)
		return false, false
	}
	v, err := convert.Convert(f.v, cty.Bool)
	if err != nil {
		t.errorf(f.pos, "", "%s is true or false, not %s", name, describe(f.v))
		return false, false
	}
	return v.True(), true
}

// item is a text of a list with its place.
type item struct {
	text string
	pos  policy.Pos
}

// list are the items of a list of texts. One that is not known is reported.
func (t *translator) list(f field, name string) (out []item, ok bool) {
	if !f.set() {
		return nil, true
	}
	if !f.v.IsKnown() {
		t.unresolved(f, name)
		return nil, false
	}
	if !f.v.CanIterateElements() || f.v.Type().IsMapType() || f.v.Type().IsObjectType() {
		t.errorf(f.pos, "", "%s is a list, not %s", name, describe(f.v))
		return nil, false
	}
	ok = true
	i := 0
	for it := f.v.ElementIterator(); it.Next(); i++ {
		_, v := it.Element()
		t.spend(1)
		pos := f.pos
		if i < len(f.items) {
			pos = f.items[i]
		}
		one := field{result: result{v, f.gaps}, pos: pos}
		ty := v.Type()
		switch {
		case v.IsKnown() && v.IsNull():
			t.errorf(pos, "", "%s has null in it", name)
			ok = false
		case v.IsKnown() && (ty.IsTupleType() || ty.IsListType() || ty.IsSetType()):
			t.old(pos, "a list in a list", "one list")
			inner, good := t.list(one, name)
			out, ok = append(out, inner...), ok && good
		case !v.IsKnown():
			t.unresolved(one, name)
			ok = false
		default:
			s, known := textOf(v)
			if !known {
				t.errorf(pos, "", "%s is a list of texts, and has %s in it", name, describe(v))
				ok = false
				continue
			}
			out = append(out, item{s, pos})
		}
	}
	return out, ok
}

// room counts rules, of which there may not be too many.
func (t *translator) room(pos policy.Pos, n int) {
	if t.rules += n; t.rules > maxRules {
		t.where = pos
		panic(overrun{})
	}
}
