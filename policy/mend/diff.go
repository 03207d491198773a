package mend

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// context is how many unchanged lines stand around a change.
const context = 3

// lineEdit replaces lines of a file: from the first, counted from 0, up to before the last.
type lineEdit struct {
	from, to int
	lines    []string
}

// byLine widens edits, which are in order, to whole lines.
func (t *text) byLine(edits []edit) (out []lineEdit) {
	for i := 0; i < len(edits); {
		from := t.lineOf(edits[i].from)
		to := from
		var b strings.Builder
		at, j := t.starts[from], i
		for ; j < len(edits) && (j == i || t.lineOf(edits[j].from) < to); j++ {
			e := edits[j]
			b.WriteString(t.all[at:e.from] + e.with)
			at = e.to
			if to = t.lineOf(at); t.starts[to] < at || at == e.from {
				to++ // the rest of the line belongs to it
			}
			to = min(to, len(t.lines))
		}
		if at < t.starts[to] {
			b.WriteString(t.all[at:t.starts[to]])
		}
		out = append(out, lineEdit{from, to, slices.Collect(strings.Lines(b.String()))})
		i = j
	}
	return out
}

// lineOf is the line that a byte is in, from 0; the number of lines for the end of the text.
func (t *text) lineOf(at int) int {
	i, exact := slices.BinarySearch(t.starts, at)
	if exact {
		return i
	}
	return i - 1
}

// unified writes edits as a unified diff. What stands behind the second @@ is for people:
// programs that apply it pass over it.
func (t *text) unified(file string, edits []edit, units []*unit) []byte {
	lines, rest := t.lines, t.byLine(edits)
	var b bytes.Buffer
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", file, file)
	shift := 0
	write := func(sign, line string) {
		b.WriteString(sign + strings.TrimSuffix(line, "\n") + "\n")
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].from-rest[n-1].to <= 2*context {
			n++
		}
		hunk := rest[:n]
		rest = rest[n:]
		from, to := max(hunk[0].from-context, 0), min(hunk[n-1].to+context, len(lines))
		added := 0
		for _, e := range hunk {
			added += len(e.lines) - (e.to - e.from)
		}
		b.WriteString(t.heading(fmt.Sprintf("@@ -%d,%d +%d,%d @@ ", from+1, to-from, from+1+shift,
			to-from+added), units, from, to) + "\n")
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

// reasons are lines that say why, one for each change.
func reasons(name string, changes []Change) []byte {
	var b bytes.Buffer
	said := map[string]bool{}
	for _, c := range changes {
		text := oneLine(fmt.Sprintf("%s:%d: %s: %s", name, c.Line, c.Code, c.Why)) + "\n"
		if !said[text] {
			said[text] = true
			b.WriteString(text)
		}
	}
	return b.Bytes()
}

// oneLine is a text that a diff can have around it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// wide is how long the first line of a hunk may be that says why.
const wide = 80

// heading is the first line of a hunk, with what its changes are for: why, too, if that fits.
func (t *text) heading(place string, units []*unit, from, to int) string {
	var whole, codes []string
	for _, u := range units {
		if !slices.ContainsFunc(u.edits, func(e edit) bool {
			line := t.lineOf(e.from)
			return from <= line && line < to
		}) {
			continue
		}
		for _, c := range u.changes() {
			if text := oneLine(c.Code + ": " + c.Why); !slices.Contains(whole, text) {
				whole = append(whole, text)
			}
			if !slices.Contains(codes, c.Code) {
				codes = append(codes, c.Code)
			}
		}
	}
	if text := place + strings.Join(whole, "; "); len(text) <= wide {
		return text
	}
	return place + strings.Join(codes, ", ")
}
