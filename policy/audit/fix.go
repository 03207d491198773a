package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
)

// edit replaces lines of a file: from the first, counted from 0, up to before the last.
type edit struct {
	from, to int
	lines    []string
}

// context is how many unchanged lines stand around a change.
const context = 3

// Fix returns, as a unified diff of a policy file, the narrower rules of findings in place of
// those that they are about, and how many there are. A rule with tags, or with descriptions at its
// peers, is left for people, and so is one after whose change the text would not be valid: a
// narrower rule may be there already.
func Fix(r *Report, file string, text []byte, valid func([]byte) bool) (diff []byte, n int) {
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	var edits []edit
	for i := range r.Findings {
		f := &r.Findings[i]
		if len(f.fix) == 0 || f.Pos.File != file || f.Pos.Line < 1 || f.Pos.Line > len(lines) {
			continue
		}
		e, ok := replace(lines, f.Pos, f.fix)
		if !ok {
			continue
		}
		more := append(slices.Clone(edits), e)
		slices.SortFunc(more, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
		if valid(edited(lines, more)) {
			edits = more
		}
	}
	if len(edits) == 0 {
		return nil, 0
	}
	return unified(file, lines, edits), len(edits)
}

// replace puts rules in place of the item of a list that begins at a position: its line and
// those below that are indented as far.
func replace(lines []string, pos policy.Pos, rules []string) (edit, bool) {
	first := strings.TrimRight(lines[pos.Line-1], "\r\n")
	indent := indentOf(first)
	rest := first[indent:]
	// Only an item that has its lines for itself can be replaced.
	item := strings.TrimLeft(strings.TrimPrefix(rest, "-"), " ")
	if !strings.HasPrefix(rest, "- ") || pos.Col-1 != len(first)-len(item) {
		return edit{}, false
	}
	e := edit{from: pos.Line - 1, to: pos.Line}
	for end := pos.Line; end < len(lines); end++ {
		line := strings.TrimRight(lines[end], "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indentOf(line) <= indent {
			break
		}
		e.to = end + 1
	}
	for _, r := range rules {
		e.lines = append(e.lines, first[:indent]+"- "+r+"\n")
	}
	return e, true
}

// edited is the text after edits, which are in order.
func edited(lines []string, edits []edit) []byte {
	var b bytes.Buffer
	at := 0
	for _, e := range edits {
		for _, l := range append(slices.Clone(lines[at:e.from]), e.lines...) {
			b.WriteString(l)
		}
		at = e.to
	}
	for _, l := range lines[at:] {
		b.WriteString(l)
	}
	return b.Bytes()
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// unified writes edits, which are in order and do not overlap, as a unified diff.
func unified(file string, lines []string, edits []edit) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", file, file)
	shift := 0
	write := func(sign, line string) {
		b.WriteString(sign + strings.TrimSuffix(line, "\n") + "\n")
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
	for len(edits) > 0 {
		n := 1
		for n < len(edits) && edits[n].from-edits[n-1].to <= 2*context {
			n++
		}
		hunk := edits[:n]
		edits = edits[n:]
		from, to := max(hunk[0].from-context, 0), min(hunk[n-1].to+context, len(lines))
		added := 0
		for _, e := range hunk {
			added += len(e.lines) - (e.to - e.from)
		}
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1+shift, to-from+added)
		shift += added
		at := from
		for _, e := range hunk {
			for ; at < e.from; at++ {
				write(" ", lines[at])
			}
			for ; at < e.to; at++ {
				write("-", lines[at])
			}
			for _, l := range e.lines {
				write("+", l)
			}
		}
		for ; at < to; at++ {
			write(" ", lines[at])
		}
	}
	return b.Bytes()
}
