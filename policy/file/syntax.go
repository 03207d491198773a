package file

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"sgfw/policy"
)

// syntax reports an error of yaml.v3, which tells a line at best.
func (d *decoder) syntax(data []byte, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, message = n, text
		}
	}
	// Its parser counts lines from 0 and its scanner from 1.
	if strings.HasPrefix(message, "did not find expected") &&
		!strings.Contains(message, "character") && line > 1 {
		line++
	}
	if anchor, ok := strings.CutPrefix(message, "unknown anchor "); ok {
		name, _, _ := strings.Cut(anchor, " referenced")
		name = strings.Trim(name, "'")
		d.errorAt(d.find(data, "*"+name), "", "write the value out; quote a value that begins with *",
			"alias *%s: aliases are not supported", short(name))
		return
	}
	lines := bytes.Split(data, []byte("\n"))
	for _, s := range slips {
		if !s.after.MatchString(message) {
			continue
		}
		if n, m := s.find(lines, line-1); m != nil {
			value := strings.TrimSpace(string(lines[n][m[2]:m[3]]))
			hint := strings.ReplaceAll(s.hint, "%s", short(value))
			d.errorAt(d.pos(n+1, utf8.RuneCount(lines[n][:m[2]])+1), "", hint, "%s", s.message)
			return
		}
	}
	if strings.Contains(message, "exceeded max depth") {
		d.errorAt(d.pos(line, 0), "", "", "nested deeper than %d levels", maxDepth)
		return
	}
	d.errorAt(d.pos(line, 0), "", "check the indentation and quotes of this line and those around "+
		"it; quote values that begin with * & ! % @ or `", "not YAML: %s", message)
}

// slip is a mistake that people make and yaml.v3 answers with something else.
type slip struct {
	// after matches what yaml.v3 says of it.
	after *regexp.Regexp
	// line matches the line of the mistake; its group is what is wrong.
	line          *regexp.Regexp
	message, hint string // %s in the hint is the group
}

// find returns the line of the mistake and where its groups are: the line that yaml.v3
// names, or else the first.
func (s slip) find(lines [][]byte, named int) (line int, groups []int) {
	if named < len(lines) {
		if m := s.line.FindSubmatchIndex(lines[named]); m != nil {
			return named, m
		}
	}
	for i, text := range lines {
		if m := s.line.FindSubmatchIndex(text); m != nil {
			return i, m
		}
	}
	return 0, nil
}

var slips = []slip{
	{regexp.MustCompile(``), regexp.MustCompile(`^ *(\t)[\t ]*[^\t \r]`),
		"a tab in the indentation", "indent with spaces"},
	// An IPv6 CIDR in a list between brackets, or as a value between braces.
	{regexp.MustCompile(`^did not find expected`),
		regexp.MustCompile(`^[^#"']*(?:[\[,]\s*|\{[^#"']*:\s+)(::[^"']*)`),
		"between brackets or braces a value cannot begin with a colon",
		`put it in quotes, such as "::/0"`},
	// A colon in the text of a key, on a line of its own or between braces.
	{regexp.MustCompile(`^(mapping values|did not find expected)`),
		regexp.MustCompile(`^ *(?:- +)*[a-z_]+: +([^\s"'\[{|>&*!#%@` + "`" + `]` +
			`(?:[^#]*?[^\s#])?:(?: [^#]*)?)\s*(?: #.*)?$`),
		"a text without quotes has a colon", `put it in quotes: "%s"`},
	{regexp.MustCompile(`^(mapping values|did not find expected)`),
		regexp.MustCompile(`[{,]\s*[a-z_]+: +([^\s"'\[{},#][^"'\[{},#]*: [^"'\[{},#]*)`),
		"a text without quotes has a colon", `put it in quotes: "%s"`},
	{regexp.MustCompile(`^(did not find expected|mapping values|could not find)`),
		regexp.MustCompile(`(?:: +|[\[,] *|- +)'(?:[^']|'')*(')[\pL\d]`),
		"an apostrophe ends the text", `put the text in "…", or write the apostrophe twice`},
	{regexp.MustCompile(`^found unknown escape`),
		regexp.MustCompile(`"[^"]*(\\[^"\\/abefnrtvxuUNLP_0 ])`),
		`between "…" a \ begins an escape`, `put the text in '…', or write the \ twice`},
}

// find returns the position of the first line that has s outside a comment, the
// first line when none has.
func (d *decoder) find(data []byte, s string) policy.Pos {
	for i, text := range bytes.Split(data, []byte("\n")) {
		text, _, _ = bytes.Cut(text, []byte(" #"))
		if at := bytes.Index(text, []byte(s)); at >= 0 {
			return d.pos(i+1, utf8.RuneCount(text[:at])+1)
		}
	}
	return d.pos(1, 0)
}
