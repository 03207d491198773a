package terraform

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// evaluator evaluates expressions of a configuration, each when somebody asks for it.
type evaluator struct {
	*convert.Draft
	meter
	options   convert.Options
	functions map[string]function.Function
	texts     map[string]*text
	configs   map[string]*config // by folder; nil is one that cannot be read
	given     map[string]given
	tokens    int
	depth     int
	modules   int
	where     policy.Pos // of the expression that asked for too much
	current   policy.Pos // of what is read now
	noticed   map[string]bool
	variables []string        // of roots
	asked     map[string]bool // names of options that something asked for
	// acls counts resources of network ACLs, firstACL and firstACLPos are the first.
	acls        int
	firstACL    string
	firstACLPos policy.Pos
}

// Bounds of what a configuration unfolds to.
const (
	maxNested    = 300 // references that need each other
	maxInstances = 20_000
	maxModules   = 1000
	maxCalls     = 20 // modules in modules
)

func newEvaluator(d *convert.Draft, o convert.Options) *evaluator {
	e := &evaluator{Draft: d, options: o, meter: meter{maxWork}, texts: map[string]*text{},
		configs: map[string]*config{}, noticed: map[string]bool{},
		asked: map[string]bool{}}
	e.functions = functions(&e.meter)
	return e
}

func (e *evaluator) errorf(pos policy.Pos, hint, format string, a ...any) {
	e.Errorf(pos, hint, format, a...)
}

func (e *evaluator) add1(p policy.Problem) { e.Add(p.Pos, &p) }

// notice says something about a part that is not in the policy.
func (e *evaluator) notice(pos policy.Pos, hint, format string, a ...any) {
	e.add1(policy.Problem{Pos: pos, Severity: policy.SeverityNotice, Hint: hint,
		Message: fmt.Sprintf(format, a...)})
}

// gap is why a value is not known: something that the sources do not have, or an
// expression that cannot be evaluated.
type gap struct {
	ref  string
	note string
	pos  policy.Pos
}

// maxGaps is how many gaps of a value are kept: a few are told.
const maxGaps = 8

// join adds gaps to others, each once.
func join(gaps, more []gap) []gap {
	for _, g := range more {
		if len(gaps) >= maxGaps {
			break
		}
		if !slices.Contains(gaps, g) {
			gaps = append(gaps[:len(gaps):len(gaps)], g)
		}
	}
	return gaps
}

// result is a value with the gaps in it.
type result struct {
	v    cty.Value
	gaps []gap
}

// unknown is a value that is not there.
func unknown(gaps ...gap) result { return result{cty.DynamicVal, gaps} }

// known reports whether all of the value is known.
func (r result) known() bool { return r.v.IsWhollyKnown() }

// lazy is a value that is evaluated once.
type lazy struct {
	result
	state uint8 // 0 not yet, 1 now, 2 done
}

// once evaluates a lazy value. One that needs itself is a gap.
func (e *evaluator) once(l *lazy, ref string, pos policy.Pos, eval func() result) result {
	switch {
	case l.state == 1:
		return unknown(gap{ref: ref, note: ref + " refers to itself", pos: pos})
	case l.state == 2:
		return l.result
	case e.depth >= maxNested:
		return unknown(gap{ref: ref, pos: pos,
			note: fmt.Sprintf("more than %d references need each other", maxNested)})
	}
	l.state = 1
	e.depth++
	l.result = eval()
	e.depth--
	l.state = 2
	e.charge(l.v)
	return l.result
}

// scope are the variables of an instance or iterator: each, count, ingress.
type scope map[string]cty.Value

// with is the scope with one more variable.
func (s scope) with(name string, v cty.Value) scope {
	out := make(scope, len(s)+1)
	for k, v := range s {
		out[k] = v
	}
	out[name] = v
	return out
}

// literal is the value of an expression that is one.
func literal(x hclsyntax.Expression) (cty.Value, bool) {
	switch x := x.(type) {
	case *hclsyntax.LiteralValueExpr:
		return x.Val, true
	case *hclsyntax.TemplateExpr:
		if len(x.Parts) == 1 {
			if l, ok := x.Parts[0].(*hclsyntax.LiteralValueExpr); ok {
				return l.Val, true
			}
		}
	}
	return cty.NilVal, false
}

// eval evaluates an argument in a module.
func (m *module) eval(a *attr, vars scope) (r result) {
	if v, ok := literal(a.Expression); ok {
		return result{v: v}
	}
	e := m.evaluator
	defer func() {
		switch p := recover(); p.(type) {
		case nil:
		case overrun:
			if e.where == (policy.Pos{}) {
				e.where = e.at(a.Expression.Range())
			}
			panic(p)
		default: // of the library, about a value that it did not expect
			r = unknown(gap{note: "the expression cannot be evaluated",
				pos: e.at(a.Expression.Range())})
		}
	}()
	if a.bodies != nil { // blocks, which nobody refers to
		return unknown(gap{note: "the list stands for blocks", pos: a.pos})
	}
	e.prepare(a)
	if a.items != nil {
		return m.evalItems(a, vars)
	}
	context, gaps := m.context(a, vars)
	v, diags := a.Expression.Value(context)
	if diags.HasErrors() {
		for _, d := range diags {
			if d.Severity == hcl.DiagError {
				note := gap{note: said(d), pos: a.pos}
				if d.Subject != nil {
					note.pos = e.at(*d.Subject)
				}
				return unknown(append([]gap{note}, gaps...)...)
			}
		}
	}
	if len(gaps) == 0 && !v.IsKnown() {
		gaps = a.outside
	}
	return result{v, gaps}
}

// evalItems evaluates a list that is written out.
func (m *module) evalItems(a *attr, vars scope) (r result) {
	values := make([]cty.Value, len(a.items))
	for i, item := range a.items {
		one := m.eval(item, vars)
		values[i] = one.v
		r.gaps = join(r.gaps, one.gaps)
	}
	m.spend(len(values) / wide)
	r.v = cty.TupleVal(values)
	return r
}

// textOf is the text of an expression, as far as it is known.
func (e *evaluator) textOf(x hclsyntax.Expression) string {
	r := x.Range()
	t := e.texts[r.Filename]
	if t == nil || r.Start.Byte < 0 || r.End.Byte > len(t.data) || r.Start.Byte >= r.End.Byte {
		return ""
	}
	return t.data[r.Start.Byte:r.End.Byte]
}

// override is a value that the user gave for something that the sources do not have.
func (e *evaluator) override(ref string) (cty.Value, bool) {
	s, ok := e.options.Vars[ref]
	if !ok {
		return cty.NilVal, false
	}
	e.asked[ref] = true
	return e.literalOf(s), true
}

// literalOf is a text of the command line as a value: a list or number when it is written
// like one, else the text.
func (e *evaluator) literalOf(s string) cty.Value {
	if strings.HasPrefix(strings.TrimSpace(s), "[") || strings.HasPrefix(strings.TrimSpace(s), "{") {
		if v, err := e.parseLiteral(s); err == nil {
			return v
		}
	}
	return cty.StringVal(s)
}

// parseLiteral reads an expression without references.
func (e *evaluator) parseLiteral(s string) (cty.Value, error) {
	if len(s) > maxTokens {
		return cty.NilVal, errTooMuch
	}
	if err := checkTemplate("${" + s + "}"); err != nil {
		return cty.NilVal, err
	}
	x, diags := hclsyntax.ParseExpression([]byte(s), "a value", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	v, diags := e.install(x).Value(&hcl.EvalContext{Functions: e.functions})
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return v, nil
}

// Sentinels stand for what only AWS knows: the ID of a resource is its address between two
// characters that no text has. They are texts, so that functions and keys take them.
const (
	opening = "\x02"
	closing = "\x03"
)

// sentinel stands for the ID of what is at an address, or for an attribute that is an ID.
func sentinel(address string) cty.Value { return cty.StringVal(opening + address + closing) }

// address is what a text stands for, empty for a plain one.
func address(s string) string {
	if strings.HasPrefix(s, opening) && strings.HasSuffix(s, closing) &&
		strings.Count(s, opening) == 1 && strings.Count(s, closing) == 1 {
		return s[len(opening) : len(s)-len(closing)]
	}
	return ""
}

// mixed reports a text that has a sentinel in it and more.
func mixed(s string) bool { return strings.ContainsAny(s, opening+closing) }

// shown is a text for people: sentinels are the addresses.
func shown(s string) string { return strings.NewReplacer(opening, "", closing, "").Replace(s) }

// isID reports attributes of any resource whose value is an ID, which may stand for itself.
func isID(name string) bool {
	for _, suffix := range []string{"security_group_id", "prefix_list_id", "sg_id", "vpc_id",
		"network_interface_id", "source_security_group"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return name == "id"
}

// folder is the folder of a file.
func folder(name string) string { return path.Dir(strings.ReplaceAll(name, "\\", "/")) }
