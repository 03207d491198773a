package terraform

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"sgfw/policy"
)

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
