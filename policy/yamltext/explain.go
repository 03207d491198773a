package yamltext

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"sgfw/policy"
)

// Dialect is what a kind of file makes of YAML.
type Dialect struct {
	// Depth is how deep values may be nested.
	Depth int
	// Special are characters that no text without quotes begins with, for a hint.
	Special string
}

// Explain says what an error of Decode means in a text, and where: yaml.v3 tells a line at best.
func (d Dialect) Explain(data []byte, err error) *policy.Problem {
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
	line = min(line, 1+bytes.Count(data, []byte("\n")))
	lines := bytes.Split(data, []byte("\n"))
	for _, s := range slips {
		if !s.after.MatchString(message) {
			continue
		}
		if n, m := s.find(lines, line-1); m != nil {
			value := strings.TrimSpace(string(lines[n][m[2]:m[3]]))
			hint := strings.ReplaceAll(s.hint, "%s", policy.Quote(value))
			return problem(n+1, utf8.RuneCount(lines[n][:m[2]])+1, hint, "%s", s.message)
		}
	}
	if strings.Contains(message, "exceeded max depth") {
		return problem(line, 0, "", "nested deeper than %d levels", d.Depth)
	}
	return problem(line, 0, "check the indentation and quotes of this line and those around it; "+
		"quote values that begin with "+d.Special, "not YAML: %s", message)
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
		regexp.MustCompile(`^[^#"']*(?:[\[,]\s*|[\{,][^#"']*:\s+)(::[^"']*)`),
		"between brackets or braces a value cannot begin with a colon",
		`put it in quotes, such as "::/0"`},
	// A colon in the text of a key, on a line of its own or between braces.
	{regexp.MustCompile(`^(mapping values|did not find expected)`),
		regexp.MustCompile(`^ *(?:- +)*[A-Za-z0-9_]+: +([^\s"'\[{|>&*!#%@` + "`" + `]` +
			`(?:[^#]*?[^\s#])?:(?: [^#]*)?)\s*(?: #.*)?$`),
		"a text without quotes has a colon", "put it in quotes: %s"},
	{regexp.MustCompile(`^(mapping values|did not find expected)`),
		regexp.MustCompile(`[{,]\s*[A-Za-z0-9_]+: +([^\s"'\[{},#][^"'\[{},#]*: [^"'\[{},#]*)`),
		"a text without quotes has a colon", "put it in quotes: %s"},
	{regexp.MustCompile(`^(did not find expected|mapping values|could not find)`),
		regexp.MustCompile(`(?:: +|[\[,] *|- +)'(?:[^']|'')*(')[\pL\d]`),
		"an apostrophe ends the text", `put the text in "…", or write the apostrophe twice`},
	{regexp.MustCompile(`^found unknown escape`),
		regexp.MustCompile(`"[^"]*(\\[^"\\/abefnrtvxuUNLP_0 ])`),
		`between "…" a \ begins an escape`, `put the text in '…', or write the \ twice`},
}
