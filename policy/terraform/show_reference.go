package terraform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

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
