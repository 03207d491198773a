package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
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

// row adds a row.
func (t table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = fmt.Sprint(c)
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(text, "\t"), "\t"))
}

// flush prints the table.
func (t table) flush() error { return t.w.Flush() }

// printProblems writes findings as compilers do.
func (p *program) printProblems(ps []control.Problem) {
	for _, q := range ps {
		fmt.Fprintln(p.err, problemLine(q))
	}
}

// problemLine is `file:line:col: message (hint: …)`.
func problemLine(q control.Problem) string {
	var b strings.Builder
	if q.File != "" {
		b.WriteString(q.File)
		if q.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", q.Line, q.Col)
		}
		b.WriteString(": ")
	}
	if q.Severity != "error" {
		b.WriteString(q.Severity + ": ")
	}
	b.WriteString(q.Message)
	if q.Hint != "" {
		b.WriteString(" (hint: " + q.Hint + ")")
	}
	return b.String()
}

// severe counts the problems that refuse a policy.
func severe(ps []control.Problem) int {
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
