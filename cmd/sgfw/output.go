package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// format is the value of -o.
type format string

const (
	// formatTable fits the screen; formatWide shows all that there is.
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
)

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatWide, formatJSON:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("%q is none of table, wide and json", s)
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "table|wide|json" }

// outputFlag adds -o to a command.
func outputFlag(c *cobra.Command) *format {
	f := formatTable
	c.Flags().VarP(&f, "output", "o",
		"how to print facts: what fits the terminal, all of it, or a document")
	return &f
}

// shown is the screen that facts go to.
func (p *program) shown(f *format) screen.Screen {
	if *f == formatWide {
		return p.screen.Wide()
	}
	return p.screen
}

// print writes a paragraph of facts.
func (p *program) print(s screen.Screen, style screen.Style, text string) {
	indent := strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " "))) + hanging
	for line := range strings.SplitSeq(s.Paragraph(screen.CleanLines(text), indent), "\n") {
		fmt.Fprintln(p.out, s.Paint(style, line))
	}
}

// facts begins a table of names and what is to be said of each.
func facts(to io.Writer, s screen.Screen) *screen.Table {
	return s.Table(to, screen.Column{}, screen.Column{Fit: screen.Folded, Least: 20})
}

// section begins a table after an empty line.
func (p *program) section(s screen.Screen, columns ...screen.Column) *screen.Table {
	fmt.Fprintln(p.out)
	return s.Table(p.out, columns...)
}

// note says something about facts, beside them.
func (p *program) note(format string, a ...any) {
	text := "(" + fmt.Sprintf(format, a...) + ")"
	for line := range strings.SplitSeq(p.errScreen.Paragraph(screen.Clean(text), " "), "\n") {
		fmt.Fprintln(p.err, p.errScreen.Paint(screen.Faint, line))
	}
}

// printJSON prints a document.
func (p *program) printJSON(doc any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// printProblems writes findings as compilers do.
func (p *program) printProblems(ps []api.Problem) {
	for _, q := range ps {
		if p.quiet && q.Severity != policy.SeverityError.String() {
			continue
		}
		text := p.errScreen.Paragraph(problemLine(q), hanging)
		if style := severityStyle(q.Severity); style != screen.Plain {
			word := q.Severity + ": "
			text = strings.Replace(text, word, p.errScreen.Paint(style, word), 1)
		}
		fmt.Fprintln(p.err, text)
	}
}

// hanging is how far the further lines of a paragraph are indented.
const hanging = "    "

// severityStyle is how the word for a severity looks; errors have none.
func severityStyle(severity string) screen.Style {
	switch severity {
	case policy.SeverityWarning.String():
		return screen.Warn
	case policy.SeverityNotice.String():
		return screen.Faint
	}
	return screen.Plain
}

// bracketed is the code that AWS answers for a mistake as it stands behind what we
// say of it, "" for none.
func bracketed(code string) string {
	if code == "" {
		return ""
	}
	return " [" + screen.Clean(code) + "]"
}

// problemLine is `file:line:col: message (hint: …) [code]`.
func problemLine(q api.Problem) string {
	var b strings.Builder
	if q.File != "" {
		// A mistake of YAML has a line and no column.
		b.WriteString(policy.Pos{File: q.File, Line: q.Line, Col: q.Col}.String() + ": ")
	}
	if q.Severity != "error" {
		b.WriteString(q.Severity + ": ")
	}
	b.WriteString(q.Message)
	if q.Hint != "" {
		b.WriteString(" (hint: " + q.Hint + ")")
	}
	return screen.CleanLines(b.String()) + bracketed(q.Code)
}

// severe counts the problems that refuse a policy.
func severe(ps []api.Problem) int {
	n := 0
	for _, q := range ps {
		if q.Severity == "error" {
			n++
		}
	}
	return n
}

// count is "1 error", "2 errors".
func count[T ~int | ~uint64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return screen.Number(n) + " " + noun + "s"
}
