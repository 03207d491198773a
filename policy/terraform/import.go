package terraform

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// Import reads what terraform show -json says of states and plans, or configurations: the
// files of one folder or of several, with files of values of variables. Modules in folders
// beside them are read by Options.Folder.
func Import(sources []convert.Source, o convert.Options) (r convert.Result) {
	d := convert.NewDraft(o)
	e := newEvaluator(d, o)
	t := newTranslator(e)
	defer func() {
		switch p := recover(); p.(type) {
		case nil:
		case overrun:
			if e.where == (policy.Pos{}) {
				e.where = e.current
			}
			e.errorf(e.where, "import what terraform show -json says instead",
				"the configuration unfolds to more than is read")
			r = d.Finish()
		default:
			panic(p)
		}
	}()
	var files, values []convert.Source
	for _, s := range sources {
		switch {
		case isValues(s):
			values = append(values, s)
		case isShow(s):
			t.show(e.text(s))
		default:
			files = append(files, s)
		}
	}
	if len(files) > 0 || len(values) > 0 {
		t.configurations(files, values)
	}
	t.finish()
	t.placeACLs()
	e.untoldACLs()
	e.unasked()
	e.nothing(sources)
	return d.Finish()
}

// isValues reports whether a source has values of variables.
func isValues(s convert.Source) bool {
	return strings.HasSuffix(s.Name, ".tfvars") || strings.HasSuffix(s.Name, ".tfvars.json")
}

// isShow reports whether a source is the output of terraform show -json, or a state file.
func isShow(s convert.Source) bool {
	if strings.HasSuffix(s.Name, ".tf") || strings.HasSuffix(s.Name, ".tf.json") {
		return false
	}
	for _, c := range s.Data {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '{' || c == '['
		}
	}
	return false
}

// configurations reads each folder that no other one calls as a root.
func (t *translator) configurations(files, values []convert.Source) {
	e := t.evaluator
	byDir := map[string][]convert.Source{}
	var dirs []string
	for _, s := range files {
		dir := folder(s.Name)
		if byDir[dir] == nil {
			dirs = append(dirs, dir)
		}
		byDir[dir] = append(byDir[dir], s)
	}
	e.given = e.values(values)
	called := map[string]bool{}
	for _, dir := range dirs {
		e.configs[dir] = e.load(dir, byDir[dir])
	}
	for _, dir := range dirs {
		for _, d := range e.configs[dir].calls {
			if a := d.block().attrs["source"]; a != nil {
				v, _ := literal(a.Expression)
				if s := str(v); strings.HasPrefix(s, ".") && path.Join(dir, s) != dir {
					called[path.Join(dir, s)] = true
				}
			}
		}
	}
	declared := map[string]bool{}
	var roots []*module
	for _, dir := range dirs {
		for name := range e.configs[dir].variables {
			declared[name] = true
		}
		if !called[dir] {
			roots = append(roots, e.newModule(e.configs[dir], ""))
		}
	}
	if len(roots) == 0 && len(dirs) > 0 { // they call each other
		roots = append(roots, e.newModule(e.configs[dirs[0]], ""))
	}
	for name, g := range e.given {
		if !declared[name] && !g.raw && len(dirs) > 0 {
			e.notice(g.pos, "", "no variable is called %s", short(name))
		}
	}
	e.variables = slices.Sorted(maps.Keys(declared))
	t.roots = roots
	for _, m := range roots {
		m.walk(true, t.declare)
	}
	for _, m := range roots {
		m.walk(false, t.relate)
	}
}

// walk reads the resources of a module and of those that it calls: those that declare
// something, or the others.
func (m *module) walk(first bool, each func(*record)) {
	for _, d := range m.cfg.resources {
		s, ours := shapes[d.typ]
		if first && ofNetworkACL(d.typ) {
			m.acl(d.pos, d.name)
		}
		if !ours || declares[d.typ] != first {
			continue
		}
		r := m.resource(d.name)
		if len(r.instances) == 0 && len(r.gaps) > 0 {
			what := "count"
			if d.block().attrs["for_each"] != nil {
				what = "for_each"
			}
			m.unresolved(field{result: unknown(r.gaps...), pos: d.pos}, what)
			continue
		}
		for _, inst := range r.instances {
			m.current = d.pos
			m.spend(1)
			each(m.record(d, inst, s))
		}
		if len(r.instances) > 0 {
			d.cached = nil // it is not needed again, or read again
			if !declares[d.typ] {
				delete(m.resources, d.name)
			}
		}
	}
	for _, d := range m.cfg.calls {
		c := m.call(d.name)
		if c == nil {
			continue
		}
		if c.instances == nil && len(c.gaps) > 0 {
			if c.cfg != nil || isSecurityGroupModule(c.source) {
				m.unresolved(field{result: unknown(c.gaps...), pos: d.pos}, "count or for_each")
			}
			continue
		}
		for _, child := range c.children {
			child.walk(first, each)
		}
		m.registry(c, d, first, each)
	}
}

// reporter is what says that a value is not known.
type reporter interface {
	Errorf(pos policy.Pos, hint, format string, a ...any)
	unresolved(f field, what string)
}

// unresolved reports a value that is needed and not known.
func (e *evaluator) unresolved(f field, what string) {
	for _, g := range f.gaps {
		if g.note != "" {
			pos := g.pos
			if pos == (policy.Pos{}) {
				pos = f.pos
			}
			e.errorf(pos, "", "%s: %s", what, g.note)
			return
		}
	}
	var refs []string
	for _, g := range f.gaps {
		if g.ref != "" && !slices.Contains(refs, g.ref) {
			refs = append(refs, g.ref)
		}
	}
	if len(refs) == 0 {
		e.errorf(f.pos, "import what terraform show -json says", "%s is not known", what)
		return
	}
	more := ""
	if len(refs) > 3 {
		more = fmt.Sprintf(" and %d more", len(refs)-3)
	}
	given := refs[0]
	if name, ok := strings.CutPrefix(given, "var."); ok {
		given = name
	}
	hint := "--var '" + given + "=…', or import what terraform show -json says"
	e.errorf(f.pos, hint, "%s: %s is not in the files", what,
		strings.Join(refs[:min(3, len(refs))], ", ")+more)
}
