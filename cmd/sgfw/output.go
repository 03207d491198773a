package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// format is the value of -o.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("%q is neither table nor json", s)
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "table|json" }

// outputFlag adds -o to a command.
func outputFlag(c *cobra.Command) *format {
	f := formatTable
	c.Flags().VarP(&f, "output", "o", "how to print facts")
	return &f
}

// printJSON prints a document.
func (p *program) printJSON(doc any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// table collects rows of cells and aligns them.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row adds a row; what has several lines becomes one.
func (t table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = plain(strings.ReplaceAll(fmt.Sprint(c), "\n", "; "))
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(text, "\t"), "\t"))
}

// flush prints the table.
func (t table) flush() error { return t.w.Flush() }

// plain is text from outside as a terminal may show it: names of processes and
// devices are up to others, and control characters in them could move the cursor,
// hide lines or worse. These are written as Go writes them in a string.
func plain(s string) string {
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

// plainLines is plain for text of several lines.
func plainLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// printProblems writes findings as compilers do.
func (p *program) printProblems(ps []api.Problem) {
	for _, q := range ps {
		fmt.Fprintln(p.err, problemLine(q))
	}
}

// bracketed is the code that AWS answers for a mistake as it stands behind what we
// say of it, "" for none.
func bracketed(code string) string {
	if code == "" {
		return ""
	}
	return " [" + plain(code) + "]"
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
	return plainLines(b.String()) + bracketed(q.Code)
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
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
