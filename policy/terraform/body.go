package terraform

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// body is what stands in a block, in HCL or in JSON.
type body struct {
	attrs  map[string]*attr
	blocks []*block
	pos    policy.Pos
}

// attr is an argument.
type attr struct {
	hclsyntax.Expression
	pos policy.Pos
	// ready says that refs are found and that the expression counts what it does, see
	// meter.install.
	ready bool
	refs  []hcl.Traversal
	// outside are the gaps that functions make which are not evaluated.
	outside []gap
	// items are those of a list that is written out.
	items []*attr
	// bodies are the objects of such a list, where they stand for blocks.
	bodies []*body
}

// prepare makes an argument ready to be evaluated. In a list that is written out each item
// is evaluated for itself, so that one that is not known spoils no other.
func (e *evaluator) prepare(a *attr) {
	if a.ready {
		return
	}
	a.ready = true
	if list, ok := plain(a.Expression).(*hclsyntax.TupleConsExpr); ok {
		a.items = make([]*attr, len(list.Exprs))
		for i, x := range list.Exprs {
			a.items[i] = &attr{Expression: x, pos: e.at(x.StartRange())}
		}
		return
	}
	a.refs = a.Expression.Variables()
	a.outside = e.outside(a.Expression)
	a.Expression = e.install(a.Expression)
}

// block is a block in a body.
type block struct {
	*body
	kind   string
	labels []string
}

// of are the blocks of a kind.
func (b *body) of(kind string) (out []*block) {
	for _, x := range b.blocks {
		if x.kind == kind {
			out = append(out, x)
		}
	}
	return out
}

// parse reads a statement. What the library finds wrong is reported, and what it could
// read is there nevertheless.
func (e *evaluator) parse(c *chunk) *block {
	e.tokens += c.tokens + perStatement
	if c.tokens > maxTokens || c.end-c.begin > maxStatement || e.tokens > maxAllTokens {
		if e.tokens > maxAllTokens {
			e.where = c.pos(c.begin)
			panic(overrun{})
		}
		e.errorf(c.pos(c.begin), "import what terraform show -json says instead",
			"%s is too long to be read: more than %d words or %d bytes", c.kind, maxTokens, maxStatement)
		return &block{kind: c.kind, labels: c.labels, body: &body{pos: c.pos(c.begin)}}
	}
	if b := simpleBlock(c); b != nil {
		return b
	}
	return e.library(c)
}

// library reads a statement that is not simple.
func (e *evaluator) library(c *chunk) *block {
	file, diags := hclsyntax.ParseConfig([]byte(c.data[c.begin:c.end]), c.name, c.start(c.begin))
	e.diagnose(diags)
	syntax, _ := file.Body.(*hclsyntax.Body)
	if syntax == nil {
		syntax = &hclsyntax.Body{}
	}
	whole := e.body(syntax, c.pos(c.begin))
	if len(whole.blocks) == 1 {
		return whole.blocks[0]
	}
	return &block{kind: c.kind, labels: c.labels, body: whole}
}

// body makes a body of one of HCL.
func (e *evaluator) body(syntax *hclsyntax.Body, pos policy.Pos) *body {
	b := &body{attrs: make(map[string]*attr, len(syntax.Attributes)), pos: pos}
	for name, a := range syntax.Attributes {
		b.attrs[name] = &attr{Expression: a.Expr, pos: e.at(a.NameRange)}
	}
	for _, x := range syntax.Blocks {
		b.blocks = append(b.blocks, &block{kind: x.Type, labels: x.Labels,
			body: e.body(x.Body, e.at(x.TypeRange))})
	}
	return b
}

// diagnose reports what the library found wrong with the text.
func (e *evaluator) diagnose(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		pos := policy.Pos{}
		if d.Subject != nil {
			pos = e.at(*d.Subject)
		}
		e.errorf(pos, "", "%s", said(d))
	}
}

// said is a diagnostic in one line.
func said(d *hcl.Diagnostic) string {
	s := d.Detail
	if s == "" || strings.HasPrefix(d.Summary, "Un") && len(s) > 200 {
		s = d.Summary
	}
	s = strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return printable(s)
}

// printable replaces what a terminal would not show.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, s)
}

// jsonBody makes a body of an object of JSON. Blocks that only a provider's schema tells
// from arguments are arguments, except dynamic ones.
func (e *evaluator) jsonBody(t *text, v *value) *body {
	b := &body{attrs: map[string]*attr{}, pos: t.pos(int(v.offset))}
	for i := range v.items {
		item := &v.items[i]
		switch {
		case item.key == "//":
		case item.key == "dynamic":
			for _, labelled := range each(item) {
				for j := range labelled.items {
					for _, one := range each(&labelled.items[j]) {
						b.blocks = append(b.blocks, &block{kind: "dynamic",
							labels: []string{labelled.items[j].key}, body: e.jsonBody(t, one)})
					}
				}
			}
		case item.key == "content" || item.key == "lifecycle":
			for _, one := range each(item) {
				b.blocks = append(b.blocks, &block{kind: item.key, body: e.jsonBody(t, one)})
			}
		default:
			b.attrs[item.key] = &attr{Expression: e.jsonExpression(t, item),
				pos: t.pos(int(item.offset))}
		}
	}
	return b
}

// each are the objects of a list, or the one object.
func each(v *value) (out []*value) {
	if v == nil {
		return nil
	}
	if v.kind == kindArray {
		for i := range v.items {
			out = append(out, &v.items[i])
		}
		return out
	}
	return []*value{v}
}

// jsonExpression is a value of JSON as an expression: its texts are templates.
func (e *evaluator) jsonExpression(t *text, v *value) hclsyntax.Expression {
	start := t.start(int(v.offset))
	src := hcl.Range{Filename: t.name, Start: start, End: start}
	switch v.kind {
	case kindString:
		if !strings.Contains(v.text, "${") && !strings.Contains(v.text, "%{") {
			break
		}
		if e.tokens += perStatement + len(v.text)/8; e.tokens > maxAllTokens {
			e.where = e.at(src)
			panic(overrun{})
		}
		if err := checkTemplate(v.text); err != nil {
			e.errorf(e.at(src), "", "the text is no template: %v", err)
			break
		}
		start.Column++ // behind the quote
		x, diags := hclsyntax.ParseTemplate([]byte(v.text), t.name, start)
		e.diagnose(diags)
		if !diags.HasErrors() {
			return x
		}
	case kindArray:
		x := &hclsyntax.TupleConsExpr{SrcRange: src, OpenRange: src}
		for i := range v.items {
			x.Exprs = append(x.Exprs, e.jsonExpression(t, &v.items[i]))
		}
		return x
	case kindObject:
		x := &hclsyntax.ObjectConsExpr{SrcRange: src, OpenRange: src}
		for i := range v.items {
			key := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(v.items[i].key), SrcRange: src}
			x.Items = append(x.Items, hclsyntax.ObjectConsItem{KeyExpr: key,
				ValueExpr: e.jsonExpression(t, &v.items[i])})
		}
		return x
	}
	return &hclsyntax.LiteralValueExpr{Val: v.cty(), SrcRange: src}
}
