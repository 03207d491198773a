package terraform

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"sgfw/policy"
)

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
