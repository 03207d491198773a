package terraform

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"sgfw/policy"
)

// module is a module as it is called: the root, or one instance of a call.
type module struct {
	*evaluator
	cfg *config
	// path is what addresses in it begin with: empty, or "module.a."
	path   string
	parent *module
	args   *body // of the call
	inst   *instance
	depth  int

	vars      map[string]*lazy
	locals    map[string]*lazy
	resources map[string]*resource
	calls     map[string]*call
	outputs   map[string]*lazy
}

func (e *evaluator) newModule(c *config, path string) *module {
	return &module{evaluator: e, cfg: c, path: path, vars: map[string]*lazy{},
		locals: map[string]*lazy{}, resources: map[string]*resource{}, calls: map[string]*call{},
		outputs: map[string]*lazy{}}
}

// lazyOf is the lazy value of a name, made when it is not there.
func lazyOf(in map[string]*lazy, name string) *lazy {
	if in[name] == nil {
		in[name] = &lazy{}
	}
	return in[name]
}

// local is a local value.
func (m *module) local(name string) result {
	a := m.evaluator.local(m.cfg, name)
	if a == nil {
		return unknown(gap{ref: "local." + name})
	}
	return m.once(lazyOf(m.locals, name), "local."+name, a.pos,
		func() result { return m.eval(a, nil) })
}

// variable is the value of a variable: what is given, else its default.
func (m *module) variable(name string) result {
	ref := m.path + "var." + name
	d := m.cfg.variables[name]
	pos := policy.Pos{}
	if d != nil {
		pos = d.pos
	}
	return m.once(lazyOf(m.vars, name), ref, pos, func() result {
		b := &block{body: &body{}}
		if d != nil {
			b = d.block()
		}
		r, there := m.argument(name, b)
		if !there {
			a := b.attrs["default"]
			if a == nil {
				return unknown(gap{ref: ref, pos: pos})
			}
			r = m.eval(a, nil)
			r.v = m.typed(b, r.v, nil)
			return r
		}
		var problem string
		r.v = m.typed(b, r.v, &problem)
		if problem != "" {
			return unknown(gap{ref: ref, pos: pos, note: ref + ": " + problem})
		}
		if a := b.attrs["nullable"]; r.v.IsNull() && a != nil && b.attrs["default"] != nil {
			if no, ok := literal(a.Expression); ok && no.Type() == cty.Bool && no.False() {
				r = m.eval(b.attrs["default"], nil)
				r.v = m.typed(b, r.v, nil)
			}
		}
		return r
	})
}

// argument is what a variable was given.
func (m *module) argument(name string, b *block) (result, bool) {
	if m.parent != nil {
		a := m.args.attrs[name]
		if a == nil {
			return result{}, false
		}
		return m.parent.eval(a, m.inst.vars), true
	}
	g, ok := m.given[name]
	switch {
	case !ok:
		return result{}, false
	case g.attr != nil:
		return m.eval(g.attr, nil), true
	case !g.raw:
		return result{v: g.v}, true
	case m.isText(b):
		return result{v: cty.StringVal(g.text)}, true
	}
	v, err := m.parseLiteral(g.text)
	if err != nil {
		return unknown(gap{ref: "var." + name, note: fmt.Sprintf("var.%s: %q is not a value: write it "+
			"as in a .tfvars file", name, g.text)}), true
	}
	return result{v: v}, true
}

// isText reports whether a variable takes a text as it is.
func (m *module) isText(b *block) bool {
	if a := b.attrs["type"]; a != nil {
		ty, _, ok := m.typeOf(a)
		return !ok || ty.IsPrimitiveType()
	}
	if a := b.attrs["default"]; a != nil {
		return m.eval(a, nil).v.Type().IsPrimitiveType()
	}
	return true
}

// typeOf is the type that a variable is declared with. Terraform 0.11 wrote it as a text.
func (m *module) typeOf(a *attr) (cty.Type, *typeexpr.Defaults, bool) {
	x := a.Expression
	if v, ok := literal(x); ok && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		switch v.AsString() {
		case "string":
			return cty.String, nil, true
		case "list", "map":
			return cty.DynamicPseudoType, nil, true
		}
		if len(v.AsString()) > 1000 || checkTemplate("${"+v.AsString()+"}") != nil {
			return cty.DynamicPseudoType, nil, false
		}
		parsed, diags := hclsyntax.ParseExpression([]byte(v.AsString()), "type", hcl.InitialPos)
		if diags.HasErrors() {
			return cty.DynamicPseudoType, nil, false
		}
		x = parsed
	}
	switch hcl.ExprAsKeyword(x) {
	case "list", "map", "set":
		return cty.DynamicPseudoType, nil, true
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(x)
	return ty, defaults, !diags.HasErrors()
}

// typed is a value of the type of a variable.
func (m *module) typed(b *block, v cty.Value, problem *string) cty.Value {
	a := b.attrs["type"]
	if a == nil {
		return v
	}
	ty, defaults, ok := m.typeOf(a)
	if !ok {
		return v
	}
	m.charge(v)
	m.unify(v)
	if defaults != nil && !v.IsNull() && v.IsKnown() {
		v = defaults.Apply(v)
	}
	to, err := convert.Convert(v, ty)
	if err != nil {
		if problem != nil {
			*problem = printable(err.Error())
		}
		return v
	}
	return to
}

// call is a call of a module, with what it unfolds to.
type call struct {
	*expansion
	source string
	known  bool // the source is a text
	cfg    *config
	// children are the modules of a folder, one for each instance.
	children []*module
}

// call looks up a call and unfolds it.
func (m *module) call(name string) *call {
	if c, there := m.calls[name]; there {
		return c
	}
	d := m.cfg.callNames[name]
	if d == nil {
		m.calls[name] = nil
		return nil
	}
	c := &call{}
	m.calls[name] = c
	b := d.block()
	if a := b.attrs["source"]; a != nil {
		if v, ok := literal(a.Expression); ok {
			c.source, c.known = str(v), true
		}
	}
	c.expansion = m.expand(b.body, m.path+"module."+name, d.pos)
	if !strings.HasPrefix(c.source, "./") && !strings.HasPrefix(c.source, "../") {
		return c
	}
	if c.cfg = m.folder(path.Join(m.cfg.dir, c.source), b.attrs["source"].pos); c.cfg == nil {
		return c
	}
	for i := range c.instances {
		inst := c.instances[i]
		child := m.newModule(c.cfg, inst.address+".")
		child.parent, child.args, child.inst, child.depth = m, b.body, inst, m.depth+1
		if m.modules++; m.modules > maxModules || child.depth > maxCalls {
			m.errorf(d.pos, "", "more than %d modules, or %d in each other", maxModules, maxCalls)
			break
		}
		c.children = append(c.children, child)
	}
	return c
}

// folder is the configuration in a folder that a module is called from, nil when it cannot
// be read.
func (e *evaluator) folder(dir string, pos policy.Pos) *config {
	if c, there := e.configs[dir]; there {
		return c
	}
	e.configs[dir] = nil
	if e.options.Folder == nil {
		e.errorf(pos, "import the folder: its modules are read then", "module %s is not here", dir)
		return nil
	}
	sources, err := e.options.Folder(dir)
	if err != nil {
		e.errorf(pos, "", "module %s cannot be read: %v", dir, err)
		return nil
	}
	sources = slices.DeleteFunc(sources, isValues)
	e.configs[dir] = e.load(dir, sources)
	return e.configs[dir]
}

// moduleValue is what an expression sees of a call: its outputs.
func (m *module) moduleValue(name string, w *want, text string) result {
	c := m.call(name)
	ref := "module." + name
	switch {
	case c == nil:
		return m.stub(m.path+ref, w, text)
	case c.instances == nil && len(c.gaps) > 0:
		return unknown(c.gaps...)
	}
	return c.value(func(i int, inst *instance) result {
		return members(w.names(m.cfg), text, w.whole, func(name string) (result, bool) {
			return m.output(c, i, inst, name)
		})
	})
}

// output is an output of one instance of a call.
func (m *module) output(c *call, i int, inst *instance, name string) (r result, there bool) {
	ref := inst.address + "." + name
	if v, ok := m.override(ref); ok {
		return result{v: v}, true
	}
	if i < len(c.children) {
		child := c.children[i]
		d := child.cfg.outputs[name]
		if d == nil {
			return unknown(gap{ref: ref}), false
		}
		a := d.block().attrs["value"]
		if a == nil {
			return unknown(gap{ref: ref}), false
		}
		return m.once(lazyOf(child.outputs, name), ref, d.pos,
			func() result { return child.eval(a, nil) }), true
	}
	if r, ok := m.registryOutput(c, inst, name); ok {
		return r, true
	}
	if isID(name) {
		return result{v: sentinel(ref)}, true
	}
	return unknown(gap{ref: ref}), false
}

// members is an object of what an expression asks for. Of a whole one only the names that
// are there, or that its text has, are gaps in it.
func members(names []string, text string, whole bool,
	get func(string) (result, bool)) (r result) {
	attrs := make(map[string]cty.Value, len(names))
	for _, name := range names {
		member, there := get(name)
		attrs[name] = member.v
		if there || !whole || strings.Contains(text, name) {
			r.gaps = join(r.gaps, member.gaps)
		}
	}
	r.v = cty.ObjectVal(attrs)
	return r
}

// stub stands for a resource or module that is not declared.
func (e *evaluator) stub(address string, w *want, text string) result {
	if w.whole {
		return unknown(gap{ref: address})
	}
	return members(w.attrs, text, false, func(name string) (result, bool) {
		return e.foreign(address, name)
	})
}

// foreign is an attribute that the sources do not have.
func (e *evaluator) foreign(address, name string) (result, bool) {
	ref := address + "." + name
	if v, ok := e.override(ref); ok {
		return result{v: v}, true
	}
	switch {
	case name == "id":
		return result{v: sentinel(address)}, true
	case isID(name):
		return result{v: sentinel(ref)}, true
	}
	return unknown(gap{ref: ref}), false
}
