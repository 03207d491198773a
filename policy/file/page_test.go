package file

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// pagePath is the page for people; its reference is generated.
const pagePath = "../../docs/policy.md"

// The generated part of the page stands between these lines.
const (
	pageBegin = "<!-- Generated from the table of keys: go test ./policy/file -run Page -update -->\n"
	pageEnd   = "<!-- End of the generated part. -->\n"
)

// wrapped breaks text into lines of at most 100 characters; all but the first begin with
// the indent.
func wrapped(text, indent string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > 100 {
			lines, line = append(lines, line), indent+word
			continue
		}
		if line != "" && line != indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}

// page is the reference in Markdown.
func page() string {
	escape := strings.NewReplacer("*", `\*`, "<", "&lt;", "_", `\_`).Replace
	var b strings.Builder
	for _, p := range Reference() {
		title := "The file"
		if p.Path != "" {
			title = "`" + p.Path + "`"
		}
		b.WriteString("\n### " + title + "\n\n")
		if p.Text != "" {
			b.WriteString(wrapped(escape(p.Text), "") + "\n")
		}
		for _, k := range p.Keys {
			takes := k.Takes()
			switch {
			case k.Required:
				takes += ", required"
			case k.Default != "" && !strings.HasPrefix(k.Default, "see "):
				takes += ", default " + k.Default
			}
			b.WriteString(wrapped("- **`"+k.Name+"`** ("+takes+"): "+escape(k.Text), "  "))
		}
	}
	return b.String() + "\n"
}

// TestPageIsCurrent compares the reference in docs/policy.md with the table of keys;
// `go test ./policy/file -run Page -update` writes it.
func TestPageIsCurrent(t *testing.T) {
	data, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), pageBegin)
	got, after, ends := strings.Cut(rest, pageEnd)
	if !begins || !ends {
		t.Fatal("docs/policy.md has no place for the reference")
	}
	want := page()
	if *update {
		text := before + pageBegin + want + pageEnd + after
		if err := os.WriteFile(pagePath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("docs/policy.md is not what the table says: go test ./policy/file -run Page -update")
	}
}

// TestPageExamples: every example of the page is part of a policy that is taken.
func TestPageExamples(t *testing.T) {
	data, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	if len(examples) < 8 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		text := e[1]
		for _, part := range []struct{ key, text string }{
			{"version:", "version: 1\n"},
			{"security_groups:", "security_groups:\n  - { name: web, description: x, ingress: [] }\n  - { " +
				"name: app, description: x }\n"},
		} {
			if !strings.HasPrefix(text, part.key) && !strings.Contains(text, "\n"+part.key) {
				text += part.text
			}
		}
		if strings.Contains(text, "name: app\n") {
			text = strings.Replace(text, "\nsecurity_groups:\n",
				"\nsecurity_groups:\n  - { name: web, description: x }\n", 1)
		}
		if _, _, err := Parse("", []byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
