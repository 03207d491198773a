// Package manual is a writer of the manual pages sgfw(8) and sgfw.yaml(5), from the
// texts that the program itself uses: the help of its commands, and the
// description of the policy file's keys. Nothing is written down twice.
package manual

import (
	"io"
	"strings"
)

// page collects a manual page in the language of man(7).
type page struct{ strings.Builder }

// newPage begins a page. section is its number, about the title of the section.
func newPage(name, section, about, version string) *page {
	p := new(page)
	p.macro("TH", strings.ToUpper(name), section, "", "sgfw "+version, about)
	// Commands are to be copied: no line of them may be broken at a hyphen.
	p.WriteString(".nh\n.ad l\n")
	return p
}

// flush writes the page.
func (p *page) flush(w io.Writer) error {
	_, err := io.WriteString(w, p.String())
	return err
}

// macro writes one request with its arguments.
func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		p.WriteString(` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// text writes running text: paragraphs apart by an empty line. A paragraph that
// is indented stays as it is.
func (p *page) text(s string) {
	if s == "" {
		return
	}
	for i, par := range strings.Split(strings.Trim(s, "\n"), "\n\n") {
		if i > 0 {
			p.macro("PP")
		}
		if strings.HasPrefix(par, " ") {
			p.verbatim(par)
			continue
		}
		p.lines(par)
	}
}

// verbatim writes lines that are not filled.
func (p *page) verbatim(s string) {
	p.WriteString(".PP\n.RS 4\n.nf\n")
	for line := range strings.Lines(s) {
		p.lines(strings.TrimSpace(line))
	}
	p.WriteString(".fi\n.RE\n")
}

// item writes an entry of a list with its term in bold.
func (p *page) item(term, text string) {
	p.macro("TP")
	p.macro("B", term)
	p.text(text)
}

func (p *page) items(list []Item) {
	for _, i := range list {
		p.item(i.Name, i.Text)
	}
}

// lines writes text whose lines roff may fill.
func (p *page) lines(s string) {
	for line := range strings.Lines(s) {
		line = escape(strings.TrimRight(line, "\n"))
		// At the beginning of a line these make a request of it.
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		p.WriteString(line + "\n")
	}
}

// escape keeps roff from reading text as anything else: its escape character,
// and the characters that it would print as typographic ones (groff_char(7)).
func escape(s string) string {
	return strings.NewReplacer(
		`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`,
		"…", "...", "→", `\->`, "–", `\(en`,
	).Replace(s)
}
