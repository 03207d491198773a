package space

import (
	"fmt"
	"strconv"
	"strings"

	"sgfw/policy"
)

// words joins what is said of traffic: each protocol is named once, and what follows one
// another is a range.
func words(list []Traffic) string {
	var out []string
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n].follows(list[i+n-1]) {
			n++
		}
		text := ranged(list[i], list[i+n-1])
		name := list[i].name()
		switch {
		case name == "protocol" && n > 1:
			text = "protocols " + text
		case name == "protocol" || i == 0 || list[i-1].name() != name:
			text = strings.TrimSpace(name + " " + text)
		}
		out = append(out, text)
		i += n
	}
	return strings.Join(out, ", ")
}

// name is what stands before the rest.
func (t Traffic) name() string {
	switch {
	case t.Fragments:
		return "later fragments"
	case t.Protocol == policy.AllProtocols:
		return "all protocols"
	case t.Protocol.HasPorts() || t.Protocol.IsICMP():
		return t.Protocol.String()
	}
	return "protocol"
}

// follows reports whether both can be said as a range.
func (t Traffic) follows(o Traffic) bool {
	switch {
	case t.Fragments || o.Fragments || t.Protocol == policy.AllProtocols:
		return false
	case t.Protocol.IsICMP() && t.Protocol == o.Protocol && o.From >= 0:
		return t.To < 0 && o.To < 0 && t.From == o.From+1 ||
			o.To >= 0 && t.From == o.From && t.To == o.To+1
	}
	return t.name() == "protocol" && o.name() == "protocol" && t.Protocol == o.Protocol+1
}

// ranged is what stands behind the name, for all from a to b.
func ranged(a, b Traffic) string {
	plural := func(what string, a, b int) string {
		if a == b {
			return fmt.Sprintf("%s %d", what, a)
		}
		return fmt.Sprintf("%ss %d-%d", what, a, b)
	}
	switch {
	case a.Fragments || a.Protocol == policy.AllProtocols:
		return ""
	case a.Protocol.HasPorts() && a.From == 0 && a.To == policy.MaxPort:
		return ""
	case a.Protocol.HasPorts() && a.From == a.To:
		return strconv.Itoa(a.From)
	case a.Protocol.HasPorts():
		return fmt.Sprintf("%d-%d", a.From, a.To)
	case a.Protocol.IsICMP() && a.From < 0:
		return ""
	case a.Protocol.IsICMP() && a.To < 0:
		return plural("type", a.From, b.From)
	case a.Protocol.IsICMP():
		return plural("type", a.From, a.From) + " " + plural("code", a.To, b.To)
	case a.Protocol == b.Protocol:
		return a.Protocol.String()
	}
	return fmt.Sprintf("%d-%d", a.Protocol, b.Protocol)
}
