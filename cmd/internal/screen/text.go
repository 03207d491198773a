package screen

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean is text from outside as a terminal may show it: names of processes and
// devices are up to others, and control characters in them could move the cursor,
// hide lines or worse. These are written as Go writes them in a string.
func Clean(s string) string {
	control := func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}
	if !strings.ContainsFunc(s, control) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if control(r) {
			quoted := strconv.QuoteToASCII(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// CleanLines is Clean for text of several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}

// wide are the scripts whose characters take two columns (UAX 11); fullWidth the
// forms and pictures that do as well.
var (
	wide      = []*unicode.RangeTable{unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana}
	fullWidth = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303e, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}},
	}
)

// columns is how many columns a character takes.
func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, wide...), unicode.Is(fullWidth, r):
		return 2
	}
	return 1
}

// Width is how many columns a text takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// head splits a text after as many characters as fit into a width, at least one.
func head(s string, width int) (string, string) {
	n := 0
	for i, r := range s {
		if n += columns(r); n > width && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// cut shortens a text to a width and marks that.
func cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width < 2 {
		s, _ = head(s, width)
		return s
	}
	s, _ = head(s, width-1)
	return strings.TrimRight(s, " ") + "…"
}

// seams are what a word without spaces may be broken after, the best first: lists,
// names of rules and files, addresses, other names.
var seams = []string{",;", "/", ":", ".-_"}

// Wrap breaks a text into lines of a width, 0 for no bound: at spaces, else after
// punctuation, else anywhere. Spaces at the beginning stay, and further lines begin
// with indent.
func Wrap(s string, width int, indent string) []string {
	if width <= 0 || Width(s) <= width {
		return []string{s}
	}
	var lines []string
	begin := s[:len(s)-len(strings.TrimLeft(s, " "))]
	line := ""
	emit := func() {
		lines = append(lines, strings.TrimRight(begin+line, " "))
		begin, line = indent, ""
	}
	for word := range strings.FieldsSeq(s) {
		for {
			room := max(width-Width(begin), 1)
			joined := word
			if line != "" {
				joined = line + " " + word
			}
			if Width(joined) <= room {
				line = joined
				break
			}
			if line != "" {
				emit()
				continue
			}
			line, word = head(word, room)
			for rank, set := range seams {
				// Between the parts of a list is always better, else not too early.
				if i := strings.LastIndexAny(line, set); i > 0 && (rank == 0 || i >= len(line)/3) {
					line, word = line[:i+1], line[i+1:]+word
					break
				}
			}
			emit()
		}
	}
	if line != "" {
		emit()
	}
	return lines
}

// Paragraph is a text of several lines, each one wrapped.
func (s Screen) Paragraph(text, indent string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		out = append(out, Wrap(line, s.Width, indent)...)
	}
	return strings.Join(out, "\n")
}

// Fill lays out running text anew: paragraphs apart by an empty line. Lines that are
// indented stay as they are.
func (s Screen) Fill(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, par := range paragraphs {
		if !strings.HasPrefix(par, " ") && !strings.Contains(par, "\n ") {
			par = strings.Join(strings.Fields(par), " ")
			paragraphs[i] = strings.Join(Wrap(par, s.Width, ""), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
