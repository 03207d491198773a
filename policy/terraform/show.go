package terraform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

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
	case version == "" || !strings.HasPrefix(version, "0.") && !strings.HasPrefix(version, "1."):
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

// refers are the references of an expression in the configuration of a plan.
func refers(v *value) (out []string) {
	for i := range v.get("references").list() {
		out = append(out, v.get("references").items[i].str())
	}
	return out
}

// ids are arguments of which a plan may have only what they refer to.
var ids = map[string]bool{"security_group_id": true, "source_security_group_id": true,
	"referenced_security_group_id": true, "prefix_list_id": true, "prefix_list_ids": true,
	"vpc_id": true, "network_interface_id": true, "security_groups": true,
	"vpc_security_group_ids": true}

// reference is an argument that is not known in a plan: what its expression refers to.
func (s *document) reference(name string, config *value, path string, rec *record) (field, bool) {
	expression := config.path("expressions", name)
	refs := refers(expression)
	if !s.plan || len(refs) == 0 {
		return field{}, false
	}
	f := field{pos: s.text.pos(int(expression.offset))}
	if !ids[name] {
		f.result = unknown(gap{ref: refs[0]})
		if name == "name_prefix" || name == "private_ip" || name == "tags" {
			return field{}, false // computed where it is not written
		}
		return f, true
	}
	found, bad := s.resolve(refs, path, rec)
	list := strings.HasSuffix(name, "s")
	switch {
	case bad == "" && len(found) == 1 && !list:
		f.v = sentinel(found[0])
	case bad == "" && len(found) > 0 && list:
		values := make([]cty.Value, len(found))
		for i, a := range found {
			values[i] = sentinel(a)
		}
		f.v = cty.TupleVal(values)
	case name == "vpc_id":
		f.result = unknown(gap{ref: strings.TrimSuffix(refs[0], ".id")})
	default:
		f.result = unknown(s.ambiguous(bad, refs, f.pos))
	}
	return f, true
}

// ambiguous is the gap that references leave which lead to no group, or to several.
func (s *document) ambiguous(bad string, refs []string, pos policy.Pos) gap {
	if bad == "" {
		bad = "it may be one of several: " + strings.Join(refs[:min(len(refs), 4)], ", ")
	}
	return gap{pos: pos, note: short255(printable(bad)) +
		": the plan does not say which; import the folder, or the state after apply"}
}

// unknownPeers fills in groups and lists of a block that are not known yet. A plan has the
// references of all blocks in one list, so they can only be told when there is one.
func (s *document) unknownPeers(p *part, v *value, kind string, config *value, path string,
	rec *record) {
	if !s.plan {
		return
	}
	for _, name := range []string{"security_groups", "prefix_list_ids"} {
		if v.has(name) {
			continue
		}
		expression := config.path("expressions", kind)
		refs := refers(expression)
		if len(refs) == 0 {
			continue
		}
		f := field{pos: p.pos}
		found, bad := s.resolve(refs, path, rec)
		found = slices.DeleteFunc(found, func(a string) bool {
			return strings.Contains(a, "prefix_list") != (name == "prefix_list_ids") ||
				!strings.Contains(a, "security_group.") && name == "security_groups" &&
					s.HasList(a)
		})
		if len(found) == 1 && bad == "" {
			f.v = cty.TupleVal([]cty.Value{sentinel(found[0])})
		} else {
			f.result = unknown(s.ambiguous(bad, refs, p.pos))
		}
		p.fields[name] = f
	}
}

// resolve follows references to addresses of resources. Those without a group or list
// behind them, such as a variable that is a number, lead nowhere. What cannot be followed
// is said.
func (s *document) resolve(refs []string, path string, rec *record) (found []string, bad string) {
	return s.follow(refs, path, rec, 0)
}

func (s *document) follow(refs []string, path string, rec *record, depth int) (found []string,
	bad string) {
	if s.spend(1 + len(refs)); depth > maxCalls {
		return nil, "references go round in circles"
	}
	add := func(a string) {
		if !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	for i, ref := range refs {
		if i > 0 && longer(refs[:i], ref) {
			continue // aws_security_group.a behind aws_security_group.a.id
		}
		first, rest := cutName(ref)
		switch first {
		case "var":
			name, _ := cutName(strings.TrimPrefix(rest, "."))
			more, worse := s.variable(name, path, rec, depth)
			for _, a := range more {
				add(a)
			}
			bad = orElse(bad, worse)
		case "local":
			bad = orElse(bad, ref+" is not in a plan")
		case "module":
			more, worse := s.output(strings.TrimPrefix(rest, "."), path, rec, depth)
			for _, a := range more {
				add(a)
			}
			bad = orElse(bad, worse)
		case "each", "count", "path", "terraform", "self":
			if ref == "each.value" || strings.HasPrefix(ref, "each.value.") {
				bad = orElse(bad, ref+" is not in a plan")
			}
		case "data":
			name, tail := cutResource(strings.TrimPrefix(rest, "."))
			if tail != "" {
				add("data." + name)
			}
		default:
			name, tail := cutResource(ref)
			key, attr := cutKey(tail)
			if attr != "" && attr != ".id" && !isID(strings.TrimPrefix(attr, ".")) {
				continue
			}
			a := prefix + name + key
			if key == "" && s.expanded(path, name) {
				own := rec.index
				if own == "" {
					bad = orElse(bad, ref+" has several instances")
					continue
				}
				a += instanceKey(s.countOf(path, name), own)
			}
			if attr != "" && attr != ".id" {
				a += attr
			}
			add(a)
		}
	}
	return found, bad
}

// longer reports whether a reference stands in the list with an attribute behind it.
func longer(list []string, ref string) bool {
	for _, l := range list {
		if strings.HasPrefix(l, ref+".") || strings.HasPrefix(l, ref+"[") {
			return true
		}
	}
	return false
}

// cutResource takes type and name of a resource from an address.
func cutResource(s string) (name, rest string) {
	typ, rest := cutName(s)
	label, rest := cutName(strings.TrimPrefix(rest, "."))
	return typ + "." + label, rest
}

// instanceKey is a key as an address has it.
func instanceKey(count bool, key string) string {
	if count {
		return "[" + key + "]"
	}
	return "[" + strconv.Quote(key) + "]"
}

// expanded reports whether a resource has count or for_each.
func (s *document) expanded(path, name string) bool {
	typ, label, _ := strings.Cut(name, ".")
	r := s.configOf(path, typ, label)
	return r.get("count_expression") != nil || r.get("for_each_expression") != nil
}

func (s *document) countOf(path, name string) bool {
	typ, label, _ := strings.Cut(name, ".")
	return s.configOf(path, typ, label).get("count_expression") != nil
}

// variable follows what a module's variable was given.
func (s *document) variable(name, path string, rec *record, depth int) ([]string, string) {
	if path == "" {
		return nil, "" // its value is in the plan; a group would have been known
	}
	parent, call := parentOf(path)
	refs := refers(s.moduleConfig(parent).path("module_calls", call, "expressions", name))
	inner := *rec
	inner.index = ""
	if _, key := lastKey(path); key != "" {
		inner.index = strings.Trim(key, `[]"`)
	}
	return s.follow(refs, parent, &inner, depth+1)
}

// output follows an output of a module that is called.
func (s *document) output(ref, path string, rec *record, depth int) ([]string, string) {
	name, rest := cutName(ref)
	key, attr := cutKey(rest)
	out, _ := cutName(strings.TrimPrefix(attr, "."))
	if out == "" {
		return nil, ""
	}
	call := s.moduleConfig(path).path("module_calls", name)
	if key == "" && (call.get("count_expression") != nil || call.get("for_each_expression") != nil) {
		return nil, fmt.Sprintf("module.%s has several instances", name)
	}
	inside := "module." + name + key
	if path != "" {
		inside = path + "." + inside
	}
	inner := *rec
	inner.index = ""
	return s.follow(refers(call.path("module", "outputs", out, "expression")), inside, &inner,
		depth+1)
}

// parentOf divides the address of a module: the module around it, and the call's name.
func parentOf(path string) (parent, call string) {
	without, _ := lastKey(path)
	i := strings.LastIndex(without, "module.")
	return strings.TrimSuffix(without[:max(i, 0)], "."), strings.TrimPrefix(without[max(i, 0):],
		"module.")
}

// lastKey takes the key at the end of an address.
func lastKey(path string) (without, key string) {
	if !strings.HasSuffix(path, "]") {
		return path, ""
	}
	for i := len(path) - 1; i >= 0; i-- {
		if k, rest := cutKey(path[i:]); path[i] == '[' && rest == "" && k != "" &&
			(i == 0 || path[i-1] != '\\') {
			return path[:i], k
		}
	}
	return path, ""
}
