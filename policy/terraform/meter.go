package terraform

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxWork bounds the evaluation of all expressions of an import, in values that are looked
// at. Small expressions can ask for a lot: loops in loops, texts that double.
const maxWork = 2_500_000

// meter counts work and ends it by a panic, since the library evaluates what it began to
// the end.
type meter struct{ left int }

// overrun is what spend panics with.
type overrun struct{}

func (m *meter) spend(n int) {
	if m.left -= n; m.left < 0 {
		panic(overrun{})
	}
}

// weigh is the number of values in v, texts by their length; more than limit is limit+1.
func weigh(v cty.Value, limit int) int {
	if v.IsMarked() {
		v, _ = v.Unmark()
	}
	switch {
	case v.IsNull() || !v.IsKnown():
		return 1
	case v.Type() == cty.String:
		return 1 + len(v.AsString())/16
	case v.Type().IsTupleType() || v.Type().IsObjectType() || v.Type().IsCollectionType():
		n := 1
		if v.LengthInt() > limit {
			return limit + 1
		}
		for it := v.ElementIterator(); it.Next() && n <= limit; {
			_, item := it.Element()
			n += weigh(item, limit-n)
		}
		return n
	}
	return 1
}

// charge counts a value.
func (m *meter) charge(v cty.Value) { m.spend(weigh(v, m.left)) }

// metered is an expression whose value costs what it holds. The library walks through it
// as if it were the expression itself.
type metered struct {
	hclsyntax.Expression
	*meter
	// times is how often the value is counted.
	times int
	// argument says that a function may look for a type that all items of a list have.
	argument bool
}

func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.spend(1)
	v, diags := e.Expression.Value(ctx)
	e.spend(e.times * weigh(v, e.left))
	if e.argument {
		e.unify(v)
	}
	return v, diags
}

// unify counts what it takes to find a type for all items of a list: the library compares
// each with each.
func (m *meter) unify(v cty.Value) {
	if v.Type().IsTupleType() {
		n := v.Type().Length()
		m.spend(n * n / 256)
	}
}

// plain is the expression itself.
func plain(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		switch x := e.(type) {
		case *metered:
			e = x.Expression
		case *hclsyntax.ParenthesesExpr:
			e = x.Expression
		default:
			return e
		}
	}
}

// slow is what a comparison of values costs beside looking at them.
const slow = 10

// step is what a turn of a loop costs beside its value: the library makes a scope for each,
// also for those that give nothing.
const step = 6

// wide is how many items a literal list may have before it is counted.
const wide = 8

// install returns an expression that counts what it does.
func (m *meter) install(e hclsyntax.Expression) hclsyntax.Expression {
	count := func(e hclsyntax.Expression) hclsyntax.Expression { return &metered{e, m, 1, false} }
	in := func(slot *hclsyntax.Expression) { *slot = m.install(*slot) }
	// Of what stands here a part is taken: looking at all of it would cost too much.
	part := func(slot *hclsyntax.Expression) {
		if _, whole := (*slot).(*hclsyntax.ScopeTraversalExpr); !whole {
			in(slot)
		}
	}
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return count(e)
	case *hclsyntax.RelativeTraversalExpr:
		part(&e.Source)
		return count(e)
	case *hclsyntax.FunctionCallExpr:
		for i := range e.Args {
			in(&e.Args[i])
			e.Args[i] = &metered{e.Args[i], m, 0, true}
		}
		return count(e)
	case *hclsyntax.ConditionalExpr:
		in(&e.Condition)
		in(&e.TrueResult)
		in(&e.FalseResult)
	case *hclsyntax.IndexExpr:
		part(&e.Collection)
		in(&e.Key)
		return count(e)
	case *hclsyntax.SplatExpr:
		part(&e.Source)
		in(&e.Each)
		return count(e)
	case *hclsyntax.TupleConsExpr:
		for i := range e.Exprs {
			in(&e.Exprs[i])
		}
		if len(e.Exprs) > wide {
			return count(e)
		}
	case *hclsyntax.ObjectConsExpr:
		for i := range e.Items {
			if key, ok := e.Items[i].KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok && key.ForceNonLiteral {
				in(&key.Wrapped)
			}
			in(&e.Items[i].ValueExpr)
		}
		if len(e.Items) > wide {
			return count(e)
		}
	case *hclsyntax.ForExpr:
		part(&e.CollExpr)
		for _, slot := range []*hclsyntax.Expression{&e.KeyExpr, &e.ValExpr} {
			if *slot != nil {
				*slot = count(m.install(*slot))
			}
		}
		if e.CondExpr != nil {
			e.CondExpr = &metered{m.install(e.CondExpr), m, step, false}
		}
	case *hclsyntax.TemplateExpr:
		for i := range e.Parts {
			in(&e.Parts[i])
		}
		if len(e.Parts) > 1 {
			return count(e)
		}
	case *hclsyntax.TemplateWrapExpr:
		in(&e.Wrapped)
	case *hclsyntax.TemplateJoinExpr:
		in(&e.Tuple)
		return count(e)
	case *hclsyntax.BinaryOpExpr:
		in(&e.LHS)
		in(&e.RHS)
		if e.Op == hclsyntax.OpEqual || e.Op == hclsyntax.OpNotEqual { // looks at all of it
			e.LHS, e.RHS = &metered{e.LHS, m, slow, false},
				&metered{e.RHS, m, slow, false}
		}
	case *hclsyntax.UnaryOpExpr:
		in(&e.Val)
	case *hclsyntax.ParenthesesExpr:
		in(&e.Expression)
	}
	return e
}
