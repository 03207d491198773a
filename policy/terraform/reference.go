package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// want is what an expression asks of a resource or module.
type want struct {
	attrs []string
	whole bool // which attributes it asks for does not show
}

// context gathers what an expression refers to.
func (m *module) context(a *attr, vars scope) (*hcl.EvalContext, []gap) {
	e := m.evaluator
	root := make(map[string]cty.Value, len(vars))
	objects := map[string]map[string]cty.Value{} // var, local, module, types, data.types
	var gaps []gap
	set := func(object, name string, r result) {
		if objects[object] == nil {
			objects[object] = map[string]cty.Value{}
		}
		objects[object][name] = r.v
		gaps = join(gaps, r.gaps)
	}
	type target struct{ object, name string }
	var order []target
	wants := map[target]*want{}
	for _, t := range a.refs {
		name := t.RootName()
		if v, ok := vars[name]; ok {
			root[name] = v
			continue
		}
		rest := t[1:]
		first := attrName(rest, 0)
		switch name {
		case "var":
			set("var", first, m.variable(first))
		case "local":
			set("local", first, m.local(first))
		case "path":
			set("path", first, result{v: cty.StringVal(".")})
		case "terraform":
			set("terraform", first, result{v: cty.StringVal("default")})
		case "each", "count", "self":
			set(name, first, unknown(gap{ref: name + "." + first}))
		default:
			key := target{name, first}
			rest = rest[min(1, len(rest)):]
			if name == "data" {
				key = target{"data." + first, attrName(rest, 0)}
				rest = rest[min(1, len(rest)):]
			}
			if wants[key] == nil {
				wants[key] = &want{}
				order = append(order, key)
			}
			wants[key].ask(rest)
		}
	}
	text := e.textOf(a.Expression)
	for _, key := range order {
		w := wants[key]
		if key.object == "module" {
			set(key.object, key.name, m.moduleValue(key.name, w, text))
			continue
		}
		set(key.object, key.name, m.resourceValue(key.object+"."+key.name, w, text))
	}
	data := map[string]cty.Value{}
	for name, members := range objects {
		if typ, ok := strings.CutPrefix(name, "data."); ok {
			data[typ] = cty.ObjectVal(members)
			continue
		}
		root[name] = cty.ObjectVal(members)
	}
	if len(data) > 0 {
		root["data"] = cty.ObjectVal(data)
	}
	return &hcl.EvalContext{Variables: root, Functions: e.functions}, gaps
}

// attrName is the name of a step, empty when it is none.
func attrName(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch step := t[i].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString()
		}
	}
	return ""
}

// ask adds the attribute that the steps behind a resource name.
func (w *want) ask(rest hcl.Traversal) {
	if len(rest) > 0 {
		if _, ok := rest[0].(hcl.TraverseIndex); ok {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		if step, ok := rest[0].(hcl.TraverseAttr); ok {
			if !slices.Contains(w.attrs, step.Name) {
				w.attrs = append(w.attrs, step.Name)
			}
			return
		}
	}
	w.whole = true
}

// names are the attributes that are wanted.
func (w *want) names(c *config) []string {
	if !w.whole {
		return w.attrs
	}
	names := slices.Clone(c.accessed)
	for _, name := range w.attrs {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
