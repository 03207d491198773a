package report

import (
	"encoding/xml"
	"io"
	"slices"

	"sgfw/cmd/internal/api"
)

// The parts of JUnit's format that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Suite    junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkipped `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes an audit as test results: a finding is a case, which fails from the severity
// on that the exit code goes by, and so is a check that found nothing. Codes are those of all
// checks.
func JUnit(w io.Writer, codes []string, doc *api.Audit) error {
	checks := map[string]api.AuditCheck{}
	for _, c := range doc.Checks {
		checks[c.Code] = c
	}
	s := junitSuite{Name: "sgfw audit"}
	for _, code := range codes {
		if _, some := checks[code]; !some {
			s.Cases = append(s.Cases, junitCase{Class: "sgfw." + code, Name: code})
		}
	}
	for i := range doc.Findings {
		f := &doc.Findings[i]
		c := caseOf(f)
		text := f.Message + "\nWhy: " + checks[f.Code].Why + "\nDo: " + checks[f.Code].Do
		if Fails(doc.Summary.FailOn, f.Severity) {
			c.Failure = &junitFailure{Message: f.Message, Type: f.Severity, Text: text}
			s.Failures++
		} else {
			c.Out = f.Severity + ": " + text
		}
		s.Cases = append(s.Cases, c)
	}
	for i := range doc.Ignored {
		c := caseOf(&doc.Ignored[i])
		c.Skipped = &junitSkipped{"ignored: " + doc.Ignored[i].Reason}
		s.Cases = append(s.Cases, c)
		s.Skipped++
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Name: s.Name, Tests: s.Tests, Failures: s.Failures,
		Suite: s}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func caseOf(f *api.AuditFinding) junitCase {
	c := junitCase{Class: "sgfw." + f.Code, Name: f.Code}
	if f.Group != "" {
		c.Name += " in group " + f.Group
	}
	if where := Where(f); where != "" {
		c.Name += " at " + where
	}
	if f.Location != nil {
		c.File, c.Line = f.Location.File, f.Location.Line
	}
	return c
}

// Fails reports whether a severity is at or above the one from which on an audit fails.
func Fails(from, severity string) bool {
	at := slices.Index(severities, from)
	return at >= 0 && slices.Index(severities, severity) <= at
}
