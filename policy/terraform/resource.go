package terraform

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"sgfw/policy"
)

// instance is one of those that count or for_each make.
type instance struct {
	address string
	key     cty.Value // number or text, cty.NilVal without count and for_each
	vars    scope
	attrs   map[string]*lazy
}

// expansion is what a block unfolds to.
type expansion struct {
	instances []*instance
	by        expandedBy
	gaps      []gap // why it cannot be said
}

type expandedBy uint8

const (
	byNothing expandedBy = iota
	byCount
	byKey
)

// index is the instance's key as an address has it.
func (i *instance) index() string {
	switch {
	case i.key == cty.NilVal:
		return ""
	case i.key.Type() == cty.Number:
		return i.key.AsBigFloat().Text('f', 0)
	}
	return i.key.AsString()
}

// expand evaluates count and for_each of a block.
func (m *module) expand(b *body, address string, pos policy.Pos) *expansion {
	x := &expansion{}
	add := func(suffix string, key cty.Value, vars scope) {
		m.spend(10)
		x.instances = append(x.instances, &instance{address: address + suffix, key: key, vars: vars})
	}
	count, each := b.attrs["count"], b.attrs["for_each"]
	switch {
	case count != nil:
		x.by = byCount
		r := m.eval(count, nil)
		v, err := convert.Convert(r.v, cty.Number)
		if err == nil && v.Type() == cty.Bool { // of Terraform 0.11
			err = fmt.Errorf("count is no number")
		}
		switch {
		case err != nil:
			if yes, bad := convert.Convert(r.v, cty.Bool); bad == nil && yes.IsKnown() && !yes.IsNull() {
				v = cty.NumberIntVal(0) // as Terraform 0.11 read it
				if yes.True() {
					v = cty.NumberIntVal(1)
				}
				break
			}
			x.gaps = []gap{{pos: count.pos, note: "count is no number"}}
			return x
		case !v.IsKnown():
			x.gaps = r.gaps
			return x
		}
		n := -1
		if !v.IsNull() {
			if i, exact := v.AsBigFloat().Int64(); exact == big.Exact && i >= 0 && i <= maxInstances {
				n = int(i)
			}
		}
		if n < 0 {
			m.errorf(count.pos, fmt.Sprintf("a whole number, 0 to %d", maxInstances),
				"count cannot be %s", describe(v))
			return x
		}
		for i := range n {
			key := cty.NumberIntVal(int64(i))
			add("["+strconv.Itoa(i)+"]", key,
				scope{"count": cty.ObjectVal(map[string]cty.Value{"index": key})})
		}
	case each != nil:
		x.by = byKey
		r := m.eval(each, nil)
		pairs, ok := m.pairs(r, each, false)
		if !ok {
			if x.gaps = r.gaps; len(x.gaps) == 0 && !m.Failed() {
				x.gaps = []gap{{pos: each.pos, note: "for_each is not known"}}
			}
			return x
		}
		for _, p := range pairs {
			add("["+strconv.Quote(shown(p.key.AsString()))+"]", p.key,
				scope{"each": cty.ObjectVal(map[string]cty.Value{"key": p.key, "value": p.value})})
		}
	default:
		add("", cty.NilVal, nil)
	}
	return x
}

// pair is what for_each goes through.
type pair struct{ key, value cty.Value }

// pairs are the keys and values of a map, object or set of texts; of a list too, where a
// dynamic block goes through it. They are none when it is not known.
func (m *module) pairs(r result, a *attr, lists bool) ([]pair, bool) {
	v := r.v
	if !v.IsKnown() {
		return nil, false
	}
	ty := v.Type()
	isList := ty.IsTupleType() || ty.IsListType()
	switch {
	case v.IsNull():
		m.errorf(a.pos, "", "for_each cannot be null")
		return nil, false
	case !ty.IsObjectType() && !ty.IsMapType() && !ty.IsSetType() && !(lists && isList):
		m.errorf(a.pos, "make it one: toset([…])", "for_each takes a map or a set of texts, not %s",
			describe(v))
		return nil, false
	case v.LengthInt() > maxInstances:
		m.errorf(a.pos, "", "for_each over %d, more than %d", v.LengthInt(), maxInstances)
		return nil, false
	}
	var out []pair
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if ty.IsSetType() && !lists || ty.IsSetType() && key.Type() != cty.Number {
			key = value
		}
		if !lists {
			if key.Type() != cty.String {
				m.errorf(a.pos, "make it one: toset([…])", "for_each takes a map or a set of texts, not %s",
					describe(v))
				return nil, false
			}
			if !key.IsKnown() || key.IsNull() {
				return nil, false
			}
		}
		out = append(out, pair{key, value})
	}
	return out, true
}

// describe says what a value is.
func describe(v cty.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case !v.IsKnown():
		return "something unknown"
	case v.Type() == cty.Number:
		return short(v.AsBigFloat().Text('g', 12))
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	case v.Type() == cty.String:
		return strconv.Quote(short(shown(v.AsString())))
	case v.Type().IsObjectType() || v.Type().IsMapType():
		return "a map"
	}
	return "a list"
}

// short is a text for a message.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// value is what an expression sees of all instances.
func (x *expansion) value(of func(i int, inst *instance) result) result {
	var r result
	var list []cty.Value
	byKeys := map[string]cty.Value{}
	for i, inst := range x.instances {
		one := of(i, inst)
		r.gaps = join(r.gaps, one.gaps)
		switch x.by {
		case byNothing:
			r.v = one.v
			return r
		case byCount:
			list = append(list, one.v)
		default:
			byKeys[inst.key.AsString()] = one.v
		}
	}
	switch x.by {
	case byKey:
		r.v = cty.ObjectVal(byKeys)
	default:
		r.v = cty.TupleVal(list)
	}
	return r
}

// resource is a resource or data source with what it unfolds to.
type resource struct {
	*decl
	*expansion
}

// resource looks up a resource and unfolds it, nil when it is not declared.
func (m *module) resource(name string) *resource {
	if r, there := m.resources[name]; there {
		return r
	}
	d := m.cfg.byName[name]
	if d == nil {
		m.resources[name] = nil
		return nil
	}
	r := &resource{decl: d, expansion: &expansion{by: byCount,
		gaps: []gap{{ref: m.path + name, note: m.path + name + " refers to itself", pos: d.pos}}}}
	m.resources[name] = r // while it is unfolded
	r.expansion = m.expand(d.block().body, m.path+name, d.pos)
	return r
}

// resourceValue is what an expression sees of a resource.
func (m *module) resourceValue(name string, w *want, text string) result {
	r := m.resource(name)
	switch {
	case r == nil:
		return m.stub(m.path+name, w, text)
	case r.instances == nil && len(r.gaps) > 0:
		return unknown(r.gaps...)
	}
	return r.value(func(_ int, inst *instance) result {
		return members(w.names(m.cfg), text, w.whole, func(attr string) (result, bool) {
			return m.attribute(r, inst, attr)
		})
	})
}

// attribute is an attribute of an instance: what is written, or what stands for it.
func (m *module) attribute(r *resource, inst *instance, name string) (result, bool) {
	ref := inst.address + "." + name
	if v, ok := m.override(ref); ok {
		return result{v: v}, true
	}
	a := r.block().attrs[name]
	if name == "id" && a == nil {
		return result{v: sentinel(inst.address)}, true
	}
	if a == nil {
		return m.foreign(inst.address, name)
	}
	if inst.attrs == nil {
		inst.attrs = map[string]*lazy{}
	}
	l := lazyOf(inst.attrs, name)
	if l.state == 1 { // a resource that refers to itself as a whole
		return unknown(gap{ref: ref}), false
	}
	return m.once(l, ref, a.pos, func() result { return m.eval(a, inst.vars) }), true
}
