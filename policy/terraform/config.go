package terraform

import (
	"path"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// decl is something that a configuration declares. It is parsed when it is needed.
type decl struct {
	// name is "type.name" of a resource, "data.type.name" of a data source, else the name.
	name, typ, label string
	pos              policy.Pos
	read             func() *block
	cached           *block
}

// block is what is declared.
func (d *decl) block() *block {
	if d.cached == nil {
		d.cached = d.read()
	}
	return d.cached
}

// config is the configuration in one folder.
type config struct {
	dir       string
	resources []*decl // in the order of the text
	calls     []*decl
	byName    map[string]*decl // resources and data sources
	callNames map[string]*decl
	variables map[string]*decl
	outputs   map[string]*decl
	locals    map[string]*attr
	// localBlocks are blocks of locals that are not parsed yet.
	localBlocks []*decl
	// accessed are all names behind a dot: attributes that somebody asks for.
	accessed []string
}

// behindDot adds the names behind a dot in a text, while there is room for more.
func behindDot(s string, names map[string]bool) {
	for len(names) < maxAccessed {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return
		}
		s = s[i+1:]
		end := 0
		for end < len(s) && end <= policy.MaxName && letter(s[end]) {
			end++
		}
		if name := s[:end]; name != "" && !(name[0] >= '0' && name[0] <= '9') {
			names[name] = true
		}
		s = s[end:]
	}
}

// maxAccessed bounds config.accessed, and with it what a reference to a whole resource
// costs.
const maxAccessed = 1000

// maxLocals bounds the blocks of locals in a folder, which are all read if one is needed.
const maxLocals = 2000

// load reads the sources of one folder. Values of variables are not among them.
func (e *evaluator) load(dir string, sources []convert.Source) *config {
	c := &config{dir: dir, byName: map[string]*decl{}, callNames: map[string]*decl{},
		variables: map[string]*decl{}, outputs: map[string]*decl{}, locals: map[string]*attr{}}
	names := map[string]bool{}
	for _, s := range sources {
		t := e.text(s)
		if base := strings.TrimSuffix(path.Base(s.Name), ".json"); base == "override.tf" ||
			strings.HasSuffix(base, "_override.tf") {
			e.errorf(t.pos(0), "import what terraform show -json says, or the folder without it",
				"files that override others are not read")
			continue
		}
		behindDot(t.data, names)
		if strings.HasSuffix(s.Name, ".json") {
			e.loadJSON(c, t)
			continue
		}
		for _, ch := range chunks(t, e.errorf) {
			e.declare(c, ch)
		}
	}
	delete(names, "id")
	for name := range names {
		c.accessed = append(c.accessed, name)
	}
	slices.Sort(c.accessed)
	c.accessed = append([]string{"id"}, c.accessed...)
	return c
}

// text is a source, remembered by its name.
func (e *evaluator) text(s convert.Source) *text {
	t := &text{name: s.Name, data: string(s.Data)}
	e.texts[s.Name] = t
	return t
}

// labels are how many labels a block of a configuration has.
var labels = map[string]int{"resource": 2, "data": 2, "module": 1, "variable": 1, "output": 1,
	"locals": 0, "provider": 1, "terraform": 0, "moved": 0, "import": 0, "check": 1, "removed": 0,
	"ephemeral": 2, "run": 1, "mock_provider": 1, "atlas": 0}

// declare adds a block of HCL.
func (e *evaluator) declare(c *config, ch chunk) {
	n, known := labels[ch.kind]
	switch {
	case ch.attribute:
		e.errorf(ch.pos(ch.begin),
			"arguments belong into a block, values of variables into a .tfvars file",
			"%s stands outside of all blocks", ch.kind)
		return
	case !known:
		e.Lost(ch.pos(ch.begin), "", "block %s is left out: nothing is known of it", ch.kind)
		return
	case len(ch.labels) != n:
		e.errorf(ch.pos(ch.begin), "", "block %s takes %d labels", ch.kind, n)
		return
	}
	e.add(c, &decl{pos: ch.pos(ch.begin), read: func() *block { return e.parse(&ch) }}, ch.kind,
		ch.labels)
}

// add adds a declaration under its name.
func (e *evaluator) add(c *config, d *decl, kind string, labels []string) {
	where := map[string]map[string]*decl{"resource": c.byName, "data": c.byName,
		"module": c.callNames, "variable": c.variables, "output": c.outputs}[kind]
	switch kind {
	case "resource", "data":
		d.typ, d.label = labels[0], labels[1]
		d.name = d.typ + "." + d.label
		if kind == "data" {
			d.name = "data." + d.name
		} else {
			c.resources = append(c.resources, d)
		}
	case "module":
		c.calls = append(c.calls, d)
		fallthrough
	case "variable", "output":
		d.name, d.label = labels[0], labels[0]
	case "locals":
		if len(c.localBlocks) == maxLocals {
			e.errorf(d.pos, "", "more than %d blocks of locals", maxLocals)
		}
		if len(c.localBlocks) > maxLocals {
			return
		}
		c.localBlocks = append(c.localBlocks, d)
		return
	default:
		return
	}
	if first, twice := where[d.name]; twice {
		e.errorf(d.pos, "", "%s %s is there already, at %s", kind, d.name, first.pos)
		return
	}
	where[d.name] = d
}

// loadJSON adds what a .tf.json declares.
func (e *evaluator) loadJSON(c *config, t *text) {
	root, bad := parseJSON(t, nil)
	if bad != nil {
		e.add1(*bad)
		return
	}
	for _, top := range each(&root) {
		for i := range top.items {
			section := &top.items[i]
			n, known := labels[section.key]
			if !known {
				continue
			}
			for _, part := range each(section) {
				e.labelled(c, t, section.key, part, n, nil)
			}
		}
	}
}

// labelled adds the blocks below n labels, which are keys of JSON.
func (e *evaluator) labelled(c *config, t *text, kind string, v *value, n int, labels []string) {
	if n == 0 {
		e.add(c, &decl{pos: t.pos(int(v.offset)), read: func() *block {
			return &block{kind: kind, labels: labels, body: e.jsonBody(t, v)}
		}}, kind, labels)
		return
	}
	if v.kind != kindObject {
		return
	}
	for i := range v.items {
		if v.items[i].key == "//" {
			continue
		}
		for _, part := range each(&v.items[i]) {
			e.labelled(c, t, kind, part, n-1, append(slices.Clone(labels), v.items[i].key))
		}
	}
}

// local is a local value as it is declared, nil when it is not.
func (e *evaluator) local(c *config, name string) *attr {
	for _, d := range c.localBlocks {
		for name, a := range d.block().attrs {
			if first, twice := c.locals[name]; twice {
				e.errorf(a.pos, "", "local %s is there already, at %s", name, first.pos)
				continue
			}
			c.locals[name] = a
		}
	}
	c.localBlocks = nil
	return c.locals[name]
}

// given are values of variables of the root, in the order in which they hold.
type given struct {
	attr *attr
	v    cty.Value
	text string // as a command line has it
	raw  bool
	pos  policy.Pos
}

// automatic reports whether Terraform reads a file of values by itself.
func automatic(name string) bool {
	base := strings.TrimSuffix(path.Base(name), ".json")
	return base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars")
}

// rank orders files of values: those that hold later come later.
func rank(name string) int {
	switch base := path.Base(name); {
	case base == "terraform.tfvars":
		return 0
	case base == "terraform.tfvars.json":
		return 1
	case automatic(name):
		return 2
	}
	return 3
}

// values reads files of values, and what is given by name.
func (e *evaluator) values(files []convert.Source) map[string]given {
	out := map[string]given{}
	for name, s := range e.options.Environ {
		out[name] = given{text: s, raw: true}
	}
	slices.SortStableFunc(files, func(a, b convert.Source) int {
		if ra, rb := rank(a.Name), rank(b.Name); ra != rb || ra != 2 {
			return ra - rb
		}
		return strings.Compare(path.Base(a.Name), path.Base(b.Name))
	})
	for _, s := range files {
		t := e.text(s)
		if strings.HasSuffix(s.Name, ".json") {
			root, bad := parseJSON(t, nil)
			if bad != nil {
				e.add1(*bad)
			}
			for i := range root.items {
				out[root.items[i].key] = given{v: root.items[i].cty(),
					pos: t.pos(int(root.items[i].offset))}
			}
			continue
		}
		for _, ch := range chunks(t, e.errorf) {
			if !ch.attribute {
				e.errorf(ch.pos(ch.begin), "NAME = VALUE", "a file of values has no blocks")
				continue
			}
			if a := e.parse(&ch).attrs[ch.kind]; a != nil {
				out[ch.kind] = given{attr: a, pos: a.pos}
			}
		}
	}
	for name, s := range e.options.Vars {
		out[name] = given{text: s, raw: true}
	}
	return out
}
