package audit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sgfw/policy"
)

// directive is a comment that asks not to hear of findings:
// # sgfw:ignore CODE,… until 2027-01-31: reason.
type directive struct {
	pos           policy.Pos
	codes         []string
	until, reason string
	// problem says why it does not work.
	problem string
	used    bool
}

const dateForm = "2006-01-02"

var (
	ignoring = regexp.MustCompile(`(?:#|//)[ \t]*sgfw:ignore\b[ \t]*(.*)$`)
	wellMade = regexp.MustCompile(`^([a-z-]+(?:[ \t]*,[ \t]*[a-z-]+)*)` +
		`[ \t]+until[ \t]+(\S+?):[ \t]*(\S.*)$`)
)

// parseDirective reads what follows sgfw:ignore.
func parseDirective(text string, now time.Time) *directive {
	m := wellMade.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return &directive{problem: "it needs codes, a last day and a reason"}
	}
	d := &directive{until: m[2], reason: strings.TrimSpace(m[3])}
	for code := range strings.SplitSeq(m[1], ",") {
		code = strings.TrimSpace(code)
		if Of(code) == nil {
			d.problem = fmt.Sprintf("there is no check %s", code)
			if near := policy.Suggest(code, codes()); near != "" {
				d.problem += fmt.Sprintf("; perhaps %s", near)
			}
		}
		d.codes = append(d.codes, code)
	}
	day, err := time.Parse(dateForm, d.until)
	switch {
	case err != nil:
		d.problem = fmt.Sprintf("%q is not a day such as 2027-01-31", d.until)
	case !now.IsZero() && !now.Before(day.AddDate(0, 0, 1)):
		d.problem = "it has expired on " + d.until
	}
	return d
}

// codes are those of all checks.
func codes() []string {
	out := make([]string, len(checks))
	for i := range checks {
		out[i] = checks[i].Code
	}
	return out
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// directives finds the comments in a text, by the line that they speak of: their own, or the
// next one that is no comment if nothing else stands on theirs.
func directives(file string, text []byte, now time.Time, to map[place][]*directive) {
	var waiting []*directive
	line := 0
	for raw := range strings.Lines(string(text)) {
		line++
		trimmed := strings.TrimSpace(raw)
		comment := strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "//")
		var here []*directive
		if strings.Contains(raw, "sgfw:ignore") {
			if m := ignoring.FindStringSubmatchIndex(strings.TrimRight(raw, "\r\n")); m != nil {
				d := parseDirective(strings.TrimRight(raw, "\r\n")[m[2]:m[3]], now)
				d.pos = policy.Pos{File: file, Line: line, Col: m[0] + 1}
				here = append(here, d)
			}
		}
		switch {
		case comment:
			waiting = append(waiting, here...)
		case trimmed != "":
			at := place{file, line}
			if all := append(waiting, here...); len(all) > 0 {
				to[at] = all
			}
			waiting = nil
		}
	}
	if len(waiting) > 0 {
		to[place{file, line + 1}] = waiting
	}
}

// ignore splits findings into those that are told and those that are not, and adds what is
// wrong with the comments.
func (a *auditor) ignore(found []Finding) (told []Finding, ignored []Ignored) {
	at := map[place][]*directive{}
	for file, text := range a.o.Texts {
		directives(file, text, a.o.Now, at)
	}
	told = found[:0]
	for _, f := range found {
		if slices.Contains(a.o.Ignore, f.Check.Code) {
			ignored = append(ignored, Ignored{Finding: f})
			continue
		}
		if d := f.ignoredBy(at); d != nil {
			ignored = append(ignored, Ignored{f, d.reason, d.until})
			continue
		}
		told = append(told, f)
	}
	clear(found[len(told):])
	if slices.Contains(a.o.Ignore, badIgnore) {
		return told, ignored
	}
	for where, ds := range at {
		if !a.looksAt(where) {
			continue
		}
		for _, d := range ds {
			if d.problem == "" && !d.used && !a.elsewhere(d) {
				d.problem = "nothing is found there"
			}
			if d.problem != "" {
				told = append(told, Finding{Check: Of(badIgnore), Severity: Of(badIgnore).Severity,
					Also: &Also{}, Pos: d.pos, Message: "the comment ignores nothing: " + d.problem})
			}
		}
	}
	return told, ignored
}

// looksAt reports whether the group in which a line is, or behind which, is one of those that
// the audit looks at.
func (a *auditor) looksAt(where place) bool {
	var in *examined
	for _, g := range a.groups {
		if g.Pos.File == where.file && g.Pos.Line <= where.line &&
			(in == nil || in.Pos.Line < g.Pos.Line) {
			in = g
		}
	}
	return in == nil || in.included
}

// elsewhere reports whether a comment may be about what this audit does not look at.
func (a *auditor) elsewhere(d *directive) bool {
	return len(a.o.Include) > 0 || slices.ContainsFunc(d.codes, func(code string) bool {
		return code == badReputation && len(a.o.Lists) == 0 || a.o.Observed == nil &&
			(code == unusedRule || code == wideUse) || slices.Contains(a.o.Ignore, code)
	})
}

// ignoredBy returns the comment that a finding is not told for.
func (f *Finding) ignoredBy(at map[place][]*directive) *directive {
	var by *directive
	for _, pos := range append([]policy.Pos{f.Pos}, f.anchors...) {
		for _, d := range at[place{pos.File, pos.Line}] {
			if d.problem == "" && slices.Contains(d.codes, f.Check.Code) {
				d.used, by = true, d
			}
		}
	}
	return by
}
