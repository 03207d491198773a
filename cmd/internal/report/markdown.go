package report

import (
	"fmt"
	"io"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// escaped is a text from outside as Markdown shows it.
func escaped(s string) string {
	s = screen.Clean(s)
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "_", `\_`,
		"[", `\[`, "]", `\]`, "`", "\\`", "#", `\#`).Replace(s)
}

// Markdown writes an audit as a page: for the summary of a run, or a comment.
func Markdown(w io.Writer, doc *api.Audit) error {
	var b strings.Builder
	b.WriteString("# Audit of security groups\n\n" + Summary(doc) + "\n")
	if r := doc.Reputation; r != nil {
		b.WriteString("\n")
		for _, l := range r.Lists {
			b.WriteString("- " + escaped(listLine(&l)) + "\n")
		}
		for i := range r.Verdicts {
			b.WriteString("  - " + escaped(verdictLine(&r.Verdicts[i])) + "\n")
		}
		fmt.Fprintf(&b, "- %s checked\n", many(r.Checked, "public peer"))
		for _, s := range r.Skipped {
			fmt.Fprintf(&b, "- skipped %d %s: %s\n", s.Count, s.What, s.Why)
		}
	}
	for _, g := range grouped(doc) {
		fmt.Fprintf(&b, "\n## %s: %s (%s)\n\n", g.severity, escaped(g.check.Title), g.check.Code)
		b.WriteString("| place | group | rule | found |\n|---|---|---|---|\n")
		for i := range g.findings {
			f := &g.findings[i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", escaped(Where(f)), escaped(f.Group),
				escaped(f.Rule), escaped(f.Message))
		}
		fmt.Fprintf(&b, "\n**Why:** %s\n\n**Do:** %s\n", escaped(g.check.Why), escaped(g.check.Do))
		if g.check.Instead != "" {
			fmt.Fprintf(&b, "\n**Instead:** %s\n", escaped(g.check.Instead))
		}
		if len(g.check.Also) > 0 {
			fmt.Fprintf(&b, "\n**Also:** %s\n", escaped(strings.Join(g.check.Also, ", ")))
		}
	}
	if len(doc.Ignored) > 0 {
		b.WriteString("\n## Ignored\n\n| place | code | until | reason |\n|---|---|---|---|\n")
		for i := range doc.Ignored {
			f := &doc.Ignored[i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", escaped(Where(f)), f.Code, escaped(f.Until),
				escaped(f.Reason))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
