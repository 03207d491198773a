package terraform

import (
	"strings"

	"sgfw/policy"
)

// show reads the output of terraform show -json: a state, or a plan, of which what it
// leads to is read.
func (t *translator) show(x *text) {
	root, bad := parseJSON(x, unread)
	if bad != nil {
		t.add1(*bad)
		return
	}
	pos := x.pos(int(root.offset))
	version := root.get("format_version").str()
	switch {
	case root.kind != kindObject:
		t.errorf(pos, "", "this is neither a state nor a plan of Terraform")
		return
	case version == "" && root.get("serial") != nil && root.get("lineage") != nil:
		t.errorf(pos, "terraform show -json prints it in a form that is made to be read",
			"this is Terraform's own state file")
		return
	case version == "":
		t.errorf(pos, "terraform show -json prints it; other formats have another --format",
			"this is not what terraform show -json prints")
		return
	case !strings.HasPrefix(version, "0.") && !strings.HasPrefix(version, "1."):
		t.errorf(pos, "terraform show -json of Terraform 0.12 or later",
			"format %s of Terraform's output is not known", describe(cty2(version)))
		return
	}
	s := &document{translator: t, text: x, config: root.path("configuration", "root_module")}
	values := root.get("values")
	if planned := root.get("planned_values"); planned != nil {
		values, s.plan = planned, true
		s.data(root.path("prior_state", "values", "root_module"))
	}
	if values == nil {
		t.notice(pos, "", "there is nothing in it")
		return
	}
	s.module(values.get("root_module"), true)
	s.module(values.get("root_module"), false)
}

// document is one output of terraform show -json.
type document struct {
	*translator
	text   *text
	config *value // of the root module
	plan   bool
}

// module reads the resources of a module and of those in it: those that declare something,
// or the others.
func (s *document) module(m *value, first bool) {
	path := m.get("address").str()
	for i := range m.get("resources").list() {
		r := &m.get("resources").items[i]
		typ := r.get("type").str()
		if r.get("mode").str() == "data" {
			if first {
				s.dataSource(r, typ)
			}
			continue
		}
		if first && ofNetworkACL(typ) {
			s.networkACL(r, typ)
		}
		if shape, ours := shapes[typ]; ours && declares[typ] == first {
			rec := s.record(r, typ, path, shape)
			if first {
				s.declare(rec)
			} else {
				s.relate(rec)
			}
		}
	}
	for i := range m.get("child_modules").list() {
		s.module(&m.get("child_modules").items[i], first)
	}
}

// data reads the data sources of a module and of those in it.
func (s *document) data(m *value) {
	for i := range m.get("resources").list() {
		if r := &m.get("resources").items[i]; r.get("mode").str() == "data" {
			s.dataSource(r, r.get("type").str())
		}
	}
	for i := range m.get("child_modules").list() {
		s.data(&m.get("child_modules").items[i])
	}
}

// dataSource takes a prefix list that a data source read.
func (s *document) dataSource(r *value, typ string) {
	values := r.get("values")
	id := values.get("id").str()
	if id == "" {
		return
	}
	pos := s.text.pos(int(r.offset))
	l := policy.PrefixList{Name: orElse(values.get("name").str(), id), Pos: pos}
	switch typ {
	case "aws_ec2_managed_prefix_list":
		if !s.List(id, l) {
			return
		}
		s.Comment(pos, "%s, %s", id, printable(r.get("address").str()))
		for i := range values.get("entries").list() {
			p := s.part(&values.get("entries").items[i], []string{"cidr", "description"})
			s.entry(id, p.fields, p.pos, 0)
		}
	case "aws_prefix_list":
		if !s.List(id, l) {
			return
		}
		s.Comment(pos, "%s, %s", id, printable(r.get("address").str()))
		for i := range values.get("cidr_blocks").list() {
			v := &values.get("cidr_blocks").items[i]
			at := s.text.pos(int(v.offset))
			s.entry(id, map[string]field{"cidr": {result: result{v: v.cty()}, pos: at}}, at, 0)
		}
	}
}

// record reads a resource.
func (s *document) record(r *value, typ, path string, shape shape) *record {
	values := r.get("values")
	rec := &record{typ: typ, address: r.get("address").str(), label: r.get("name").str(),
		id: values.get("id").str(), pos: s.text.pos(int(r.offset)), fields: map[string]field{},
		blocks: map[string][]part{}}
	if path != "" {
		rec.module = path + "."
	}
	if index := r.get("index"); index != nil {
		rec.index = index.text
	}
	config := s.configOf(path, typ, rec.label)
	if typ != "aws_security_group" && typ != "aws_default_security_group" &&
		typ != "aws_ec2_managed_prefix_list" && typ != "aws_network_interface" &&
		typ != "aws_instance" {
		rec.id = "" // that of a rule says nothing
	}
	rec.fields = s.part(values, shape.attrs).fields
	for _, name := range shape.attrs {
		if values.has(name) || name == "source_security_group_id" && elsewhere(rec.fields) {
			continue
		}
		if f, ok := s.reference(name, config, path, rec); ok {
			rec.fields[name] = f
		}
	}
	for kind, attrs := range shape.blocks {
		for i := range values.get(kind).list() {
			v := &values.get(kind).items[i]
			p := s.part(v, attrs)
			if kind != "entry" {
				s.unknownPeers(&p, v, kind, config, path, rec)
			}
			rec.blocks[kind] = append(rec.blocks[kind], p)
		}
	}
	return rec
}

// elsewhere reports whether a rule has peers that exclude a group.
func elsewhere(fields map[string]field) bool {
	self, _ := textOf(fields["self"].v)
	return self == "true" || len(known(fields["cidr_blocks"])) > 0 ||
		len(known(fields["ipv6_cidr_blocks"])) > 0
}

// part reads members of an object.
func (s *document) part(v *value, names []string) part {
	p := part{fields: make(map[string]field, len(names))}
	if v == nil {
		return p
	}
	p.pos = s.text.pos(int(v.offset))
	for _, name := range names {
		m := v.get(name)
		if m == nil {
			continue
		}
		f := field{result: result{v: m.cty()}, pos: s.text.pos(int(m.offset))}
		for i := range m.list() {
			f.items = append(f.items, s.text.pos(int(m.items[i].offset)))
		}
		p.fields[name] = f
	}
	return p
}

// configOf is the configuration of a resource in a plan.
func (s *document) configOf(path, typ, name string) *value {
	m := s.moduleConfig(path)
	for i := range m.get("resources").list() {
		r := &m.get("resources").items[i]
		if r.get("type").str() == typ && r.get("name").str() == name &&
			r.get("mode").str() == "managed" {
			return r
		}
	}
	return nil
}

// moduleConfig is the configuration of the module at an address.
func (s *document) moduleConfig(path string) *value {
	m := s.config
	for _, name := range moduleNames(path) {
		m = m.path("module_calls", name, "module")
	}
	return m
}

// moduleNames are the names of the calls in the address of a module, without keys.
func moduleNames(path string) (names []string) {
	for path != "" {
		rest, ok := strings.CutPrefix(path, "module.")
		if !ok {
			return names
		}
		name, rest := cutName(rest)
		names = append(names, name)
		_, rest = cutKey(rest)
		path = strings.TrimPrefix(rest, ".")
	}
	return names
}

// cutName takes a name from an address.
func cutName(s string) (name, rest string) {
	if i := strings.IndexAny(s, ".["); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// cutKey takes a key in brackets from an address.
func cutKey(s string) (key, rest string) {
	if !strings.HasPrefix(s, "[") {
		return "", s
	}
	if strings.HasPrefix(s, `["`) {
		for i := 2; i < len(s); i++ {
			if s[i] == '\\' {
				i++
			} else if strings.HasPrefix(s[i:], `"]`) {
				return s[:i+2], s[i+2:]
			}
		}
		return s, ""
	}
	if i := strings.IndexByte(s, ']'); i >= 0 {
		return s[:i+1], s[i+1:]
	}
	return s, ""
}
