package nftables

import (
	"strings"
	"unicode/utf8"

	"sgfw/policy/convert/tree"
)

// maxText bounds how much of a rule messages show, in characters.
const maxText = 80

// printer says values and statements as nft does, as far as messages need it.
type printer struct{ strings.Builder }

// full reports whether there is more than messages show.
func (p *printer) full() bool { return p.Len() > 4*maxText }

// text is what was printed, in one line and not too long.
func (p *printer) text() string {
	s := strings.Join(strings.Fields(p.String()), " ")
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText-1]) + "…"
}

// code is a rule, without what does not decide.
func code(expr *tree.Node) string {
	if expr == nil {
		return ""
	}
	var p printer
	for _, n := range expr.List() {
		if key, v := n.Only(); key != nil && !p.full() {
			p.statement(key.Text, v)
			p.WriteByte(' ')
		}
	}
	return p.text()
}

// say is a value.
func say(n *tree.Node) string {
	var p printer
	p.value(n)
	return p.text()
}

func (p *printer) statement(key string, v *tree.Node) {
	switch key {
	case "match":
		p.value(v.Get("left"))
		if op := text(v, "op"); op != "==" && op != "in" {
			p.WriteString(" " + op)
		}
		p.WriteByte(' ')
		p.value(v.Get("right"))
	case "vmap":
		p.value(v.Get("key"))
		p.WriteString(" vmap ")
		p.value(v.Get("data"))
	case "jump", "goto":
		p.WriteString(key + " " + text(v, "target"))
	case "limit":
		p.WriteString("limit ")
		if rate := text(v, "rate"); rate != "" {
			p.WriteString("rate " + over(v) + rate + "/" + text(v, "per"))
		}
	case "ct count":
		p.WriteString("ct count " + over(v) + text(v, "val"))
	case "set":
		p.WriteString(text(v, "op") + " " + text(v, "set") + " { ")
		p.value(v.Get("elem"))
		for _, stmt := range v.Get("stmt").List() {
			for key, v := range stmt.Fields() {
				p.WriteByte(' ')
				p.statement(key.Text, v)
			}
		}
		p.WriteString(" }")
	case "counter", "log":
	default:
		p.WriteString(key)
	}
}

// over is the word for limits that match what exceeds them.
func over(v *tree.Node) string {
	if text(v, "inv") == "true" {
		return "over "
	}
	return ""
}

// list says members with something between them.
func (p *printer) list(n *tree.Node, between string) {
	for i, item := range n.List() {
		if i > 0 {
			p.WriteString(between)
		}
		if p.full() {
			return
		}
		p.value(item)
	}
}

// operators are those of values that have two sides.
var operators = map[string]string{"&": " & ", "|": " | ", "^": " ^ ", "<<": " << ", ">>": " >> ",
	"range": "-", "concat": " . "}

func (p *printer) value(n *tree.Node) {
	key, v := n.Only()
	switch {
	case n == nil || p.full():
	case n.Kind == tree.List:
		p.list(n, ", ")
	case n.Kind != tree.Map:
		p.WriteString(n.Text)
	case key == nil:
		p.WriteString("…")
	default:
		p.object(key.Text, v)
	}
}

func (p *printer) object(key string, v *tree.Node) {
	between, operator := operators[key]
	switch {
	case operator:
		p.list(v, between)
	case key == "set":
		if v.Kind != tree.List {
			p.value(v)
			return
		}
		p.WriteString("{ ")
		p.pairs(v)
		p.WriteString(" }")
	case key == "prefix":
		p.value(v.Get("addr"))
		p.WriteString("/" + text(v, "len"))
	case key == "elem":
		p.value(v.Get("val"))
	case key == "payload" && v.Get("protocol") != nil:
		p.WriteString(text(v, "protocol") + " " + text(v, "field"))
	case key == "meta" && strings.Contains(" iif oif iifname oifname ", " "+text(v, "key")+" "):
		p.WriteString(text(v, "key"))
	case key == "fib":
		p.WriteString("fib ")
		if flags := v.Get("flags"); flags != nil && flags.Kind == tree.List {
			p.list(flags, " . ")
		} else {
			p.value(flags)
		}
		p.WriteString(" " + text(v, "result"))
	case v.Get("key") != nil && v.Get("key").Kind == tree.Text:
		p.WriteString(strings.TrimSpace(key + " " + text(v, "dir") + " " + text(v, "key")))
	default:
		p.WriteString(key)
	}
}

// pairs says the members of a set, or of a map.
func (p *printer) pairs(v *tree.Node) {
	for i, item := range v.Items {
		if i > 0 {
			p.WriteString(", ")
		}
		if p.full() {
			return
		}
		if key, verdict, to := pair(item); verdict != nil {
			p.value(key)
			p.WriteString(" : ")
			p.statement(verdict.Text, to)
			continue
		}
		p.value(item)
	}
}
