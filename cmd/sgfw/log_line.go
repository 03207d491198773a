package main

import (
	"fmt"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// printLine prints a verdict for people: on a screen in lines that fit it, without
// what takes room and is seldom asked for (length, IDs, a date of today).
func (p *program) printLine(s screen.Screen, r api.LogRecord) error {
	brief := s.Width > 0
	moment := p.moment(brief, r.Time)
	// The rest is laid out behind the time and the verdict, which has a colour.
	front := fmt.Sprintf("%s %-6s ", moment, r.Verdict)
	rest := s.Paragraph(strings.Repeat(" ", len(front))+
		screen.Clean(strings.Join(p.lineParts(r, brief), " ")), "  ")
	said := rest[len(front):]
	if r.Local { // what people look for first: AWS drops silently, and so do we
		said = paintLines(s, verdictStyles[r.Verdict], said)
	}
	_, err := fmt.Fprintf(p.out, "%s %s%s\n", moment,
		s.Paint(verdictStyles[r.Verdict], fmt.Sprintf("%-6s ", r.Verdict)), said)
	return err
}

// paintLines paints each line of a text: a colour does not go on over the margin.
func paintLines(s screen.Screen, style screen.Style, text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = s.Paint(style, lines[i])
	}
	return strings.Join(lines, "\n")
}

// moment is a time, in brief without today's date.
func (p *program) moment(brief bool, t time.Time) string {
	if brief && t.Local().Format(time.DateOnly) == p.now().Local().Format(time.DateOnly) {
		return t.Local().Format(clockMilli)
	}
	return t.Local().Format(time.StampMilli)
}

// clockMilli is the time of day in milliseconds.
const clockMilli = "15:04:05.000"

// lineParts are what is said of a packet behind time and verdict.
func (p *program) lineParts(r api.LogRecord, brief bool) (parts []string) {
	put := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	named := func(rule *api.RuleRef) string {
		if brief {
			return ruleName(rule)
		}
		return withID(ruleName(rule), rule.ID)
	}
	put(r.Interface)
	put(r.Direction)
	put(r.Protocol)
	if r.ICMPType != nil && r.ICMPCode != nil {
		put(fmt.Sprintf("type %d code %d", *r.ICMPType, *r.ICMPCode))
	}
	if r.From != "" {
		put(r.From + " > " + r.To)
	}
	put(strings.Join(r.TCPFlags, ","))
	if r.Length > 0 && !brief {
		put(fmt.Sprintf("%d bytes", r.Length))
	}
	put("(" + r.Reason + ")")
	switch {
	case r.Process != nil:
		by := "by"
		if r.Count > 1 { // the drops that are one line may be those of several programs
			by = "last by"
		}
		put(fmt.Sprintf("%s %s (pid %d)", by, r.Process.Name, r.Process.PID))
	case r.Local:
		put("from this machine")
	}
	if r.Count > 1 && r.First != nil {
		put(fmt.Sprintf("%s times since %s", screen.Number(r.Count), p.moment(brief, *r.First)))
	}
	if r.Rule != nil {
		put(named(r.Rule))
	}
	if r.Nearest != nil {
		put("nearest: " + named(&r.Nearest.Rule))
		for i, d := range r.Nearest.Fields {
			word := "wants"
			if i > 0 {
				word = "and"
			}
			put(fmt.Sprintf("%s %s %s", word, d.Field, d.Want))
		}
	}
	return parts
}
