package reputation

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sgfw/policy"
)

// Parse reads a list: one CIDR or address a line, with # or ; before what is for people, as
// FireHOL and Spamhaus publish them, or one document of JSON a line with cidr and sblid, as
// Spamhaus does, too. The list is nil if there is an error among the problems: of a list that
// is read in part nobody knows what is missing.
func Parse(name string, data []byte) (*List, policy.Problems) {
	l := &List{Name: name}
	var found policy.Collector
	n := 0
	for text := range strings.Lines(string(data)) {
		n++
		pos := policy.Pos{File: name, Line: n, Col: 1}
		text = strings.TrimSpace(text)
		switch {
		case text == "":
		case text[0] == '#' || text[0] == ';':
			l.header(strings.TrimSpace(strings.TrimLeft(text, "#;")))
		case text[0] == '{':
			l.document(&found, pos, text)
		default:
			note := ""
			if at := strings.IndexAny(text, "#;"); at >= 0 {
				text, note = strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
			}
			l.add(&found, pos, text, note)
		}
		if found.Full(policy.SeverityError) {
			break
		}
	}
	if !found.Failed() && len(l.entries) == 0 {
		found.Add(policy.Problem{Pos: policy.Pos{File: name}, Message: "the list has no address",
			Hint: "one CIDR a line, or the JSON lines of Spamhaus"})
	}
	if found.Failed() {
		return nil, found.Problems()
	}
	l.finish()
	return l, nil
}

// add reads one network or address.
func (l *List) add(found *policy.Collector, pos policy.Pos, text, note string) {
	c, err := netip.ParsePrefix(text)
	if err != nil {
		if a, e := netip.ParseAddr(text); e == nil && a.Zone() == "" {
			c, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
	}
	if err != nil || c.Addr().Is4In6() {
		found.Add(policy.Problem{Pos: pos,
			Message: fmt.Sprintf("%q is no CIDR and no address", clip(text)),
			Hint:    "such as 198.51.100.0/24"})
		return
	}
	l.entries = append(l.entries, Entry{CIDR: c.Masked(), Note: clip(note), Line: pos.Line})
}

// longest is how much of a text from a list is kept.
const longest = 80

func clip(s string) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return s
}

// document reads a line of JSON: an entry, or what is said of the list.
func (l *List) document(found *policy.Collector, pos policy.Pos, text string) {
	var d struct {
		CIDR, SBLID, Type string
		Timestamp         int64
		Copyright         string
	}
	switch err := json.Unmarshal([]byte(text), &d); {
	case err != nil:
		found.Add(policy.Problem{Pos: pos, Message: "the line is no JSON: " + err.Error()})
	case d.Type == "metadata":
		if d.Timestamp > 0 {
			l.Date = time.Unix(d.Timestamp, 0).UTC().Format("2006-01-02 15:04 UTC")
		}
		if l.Title == "" && strings.Contains(d.Copyright, "Spamhaus") {
			l.Title = "Spamhaus DROP"
		}
	default:
		l.add(found, pos, d.CIDR, d.SBLID)
	}
}

// dated are the words before the date in a header, those that are believed first.
var dated = []string{"source file date", "this file date", "last-modified", "last modified",
	"updated", "date", "generated"}

// header looks for title and date in a comment above the entries.
func (l *List) header(text string) {
	if text == "" || len(l.entries) > 0 {
		return
	}
	name, value, pair := strings.Cut(text, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	if pair {
		for _, word := range dated {
			if name == word && l.Date == "" {
				l.Date = clip(value)
			}
		}
	}
	if l.Title == "" && !strings.HasPrefix(text, "http") {
		title, _, _ := strings.Cut(text, " - (c)")
		l.Title = clip(title)
	}
}
