package report

import (
	"fmt"
	"io"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// listed is how many places of a check a terminal gets.
const listed = 10

// styles are how severities look.
var styles = map[string]screen.Style{"high": screen.Bad, "medium": screen.Warn,
	"notice": screen.Faint}

// Text writes an audit for people: findings of a check together, the worst first.
func Text(w io.Writer, s screen.Screen, doc *api.Audit) error {
	t := text{w: w, s: s}
	sections := grouped(doc)
	for _, g := range sections {
		t.section(g)
	}
	if len(sections) > 0 {
		t.line("")
	}
	if r := doc.Reputation; r != nil {
		t.reputation(r)
	}
	t.paragraph("", Summary(doc))
	return t.err
}

// section are the findings of one check of one severity.
type section struct {
	check    api.AuditCheck
	severity string
	findings []api.AuditFinding
}

// grouped puts findings of a check together, in the order in which they come.
func grouped(doc *api.Audit) (out []*section) {
	checks := map[string]api.AuditCheck{}
	for _, c := range doc.Checks {
		checks[c.Code] = c
	}
	known := map[[2]string]*section{}
	for _, severity := range severities {
		for _, f := range doc.Findings {
			if f.Severity != severity {
				continue
			}
			key := [2]string{f.Severity, f.Code}
			if known[key] == nil {
				known[key] = &section{check: checks[f.Code], severity: f.Severity}
				out = append(out, known[key])
			}
			known[key].findings = append(known[key].findings, f)
		}
	}
	return out
}

var severities = []string{"high", "medium", "low", "notice"}

// text writes lines and keeps the first error.
type text struct {
	w    io.Writer
	s    screen.Screen
	err  error
	some bool
}

func (t *text) line(s string) {
	if _, err := fmt.Fprintln(t.w, s); err != nil && t.err == nil {
		t.err = err
	}
}

// paragraph writes a text whose first line begins with a lead, and whose others are indented
// as far.
func (t *text) paragraph(lead, s string) {
	width := 0
	if t.s.Width > 0 {
		width = max(t.s.Width-len(lead), 1)
	}
	for i, line := range screen.Wrap(screen.Clean(s), width, "") {
		if i == 1 {
			lead = strings.Repeat(" ", len(lead))
		}
		t.line(lead + line)
	}
}

func (t *text) section(g *section) {
	if t.some {
		t.line("")
	}
	t.some = true
	head := t.s.Paragraph(fmt.Sprintf("%s  %s: %s", strings.ToUpper(g.severity), g.check.Code,
		g.check.Title), "    ")
	for line := range strings.SplitSeq(head, "\n") {
		t.line(t.s.Paint(styles[g.severity], line))
	}
	for i, f := range g.findings {
		if i == listed && t.s.Width > 0 && len(g.findings) > listed+1 {
			t.paragraph("  ", fmt.Sprintf("and %d more (-o json lists all)", len(g.findings)-i))
			break
		}
		t.finding(&f)
	}
	also := map[string]bool{}
	var codes []string
	for _, f := range g.findings {
		for _, c := range f.Also {
			if !also[c] {
				also[c], codes = true, append(codes, c)
			}
		}
	}
	for _, p := range []struct{ lead, text string }{
		{"  Why:     ", g.check.Why}, {"  Do:      ", g.check.Do}, {"  Instead: ", g.check.Instead},
		{"  Also:    ", strings.Join(codes, ", ")},
	} {
		if p.text != "" {
			t.paragraph(p.lead, p.text)
		}
	}
}

func (t *text) finding(f *api.AuditFinding) {
	where := Where(f)
	if where != "" {
		where += ": "
	}
	t.paragraph("  - ", where+f.Message)
	var about []string
	if f.Group != "" {
		about = append(about, "group "+f.Group)
	}
	if f.Rule != "" {
		about = append(about, f.Rule)
	}
	if len(about) > 0 {
		t.paragraph("    ", strings.Join(about, ": "))
	}
	if len(f.Related) > 0 {
		var places []string
		for _, l := range f.Related {
			places = append(places, place(&l))
		}
		t.paragraph("    see ", strings.Join(places, ", "))
	}
	if f.Narrower != "" {
		t.paragraph("    enough: ", f.Narrower)
	}
}

// Where is file:line:col of a finding, as far as it is known.
func Where(f *api.AuditFinding) string {
	if f.Location == nil {
		return ""
	}
	return place(f.Location)
}

func place(l *api.Location) string {
	s := l.File
	for _, n := range []int{l.Line, l.Col} {
		if n == 0 {
			break
		}
		s += fmt.Sprintf(":%d", n)
	}
	return s
}

// Summary says in one sentence what was looked at and what was found.
func Summary(doc *api.Audit) string {
	m := &doc.Summary
	var found []string
	for _, c := range []struct {
		n          int
		one, more  string
		onlyIfSome bool
	}{
		{m.High, "high", "high", false}, {m.Medium, "medium", "medium", false},
		{m.Low, "low", "low", false}, {m.Notices, "notice", "notices", false},
		{m.Ignored, "ignored", "ignored", true},
	} {
		word := c.more
		if c.n == 1 {
			word = c.one
		}
		if c.n > 0 || !c.onlyIfSome {
			found = append(found, fmt.Sprintf("%s %s", screen.Number(c.n), word))
		}
	}
	return fmt.Sprintf("%s, %s: %s", many(m.Groups, "group"), many(m.Rules, "rule"),
		strings.Join(found, ", "))
}

// many is "1 group", "2 groups".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return screen.Number(n) + " " + noun + "s"
}

func (t *text) reputation(r *api.AuditReputation) {
	for _, l := range r.Lists {
		t.paragraph("", listLine(&l))
	}
	for i := range r.Verdicts {
		t.paragraph("  ", verdictLine(&r.Verdicts[i]))
	}
	t.paragraph("", fmt.Sprintf("%s checked", many(r.Checked, "public peer")))
	for _, s := range r.Skipped {
		t.paragraph("", fmt.Sprintf("skipped %d %s: %s", s.Count, s.What, s.Why))
	}
	t.line("")
}

// listLine says what a block list is.
func listLine(l *api.BlockList) string {
	s := fmt.Sprintf("list %s: ", l.File)
	if l.Title != "" {
		s += l.Title + ", "
	}
	if l.Entries == 1 {
		s += "1 entry"
	} else {
		s += screen.Number(l.Entries) + " entries"
	}
	if l.Date == "" {
		return s + ", without a date"
	}
	return s + ", of " + l.Date
}

// verdictLine is what each source says of an address.
func verdictLine(v *api.AddressVerdict) string {
	s := fmt.Sprintf("%s: bad for %d of %s", v.Address, v.DetectedBy, many(len(v.Sources), "source"))
	between := ": "
	for _, o := range v.Sources {
		if o.Assessment != "" {
			s, between = s+between+o.Provider+" "+o.Assessment, ", "
		}
	}
	return s
}
