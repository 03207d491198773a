package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// inSeconds is a timer as the policy file counts it.
func inSeconds(d time.Duration) string { return fmt.Sprintf("%d s", d/time.Second) }

// word is a value for people, who should see one that is empty.
func word[S ~string](s S) S { return cmp.Or(s, "none") }

// aclName is the network ACL of an interface as a change shows it.
func aclName(name string) string {
	if name == "" {
		return "none"
	}
	return Quote(name)
}

// aclRules are the rules of a network ACL in one line each.
func aclRules(dir Direction, n *NetworkACL) map[string]string {
	list := n.Rules(dir)
	m := make(map[string]string, len(list))
	for i := range list {
		m[dir.String()+" "+list[i].String()] = ""
	}
	return m
}

// scopeName is a scope as a change shows it.
func scopeName(name string) string {
	if name == "" {
		return "its own"
	}
	return Quote(name)
}

// guaranteeName is the max_flows of an interface as a change shows it.
func guaranteeName(flows int) string {
	if flows == 0 {
		return "an equal part"
	}
	return fmt.Sprint(flows)
}

// familyName is the family of a list as a change shows it.
func familyName(l *PrefixList) string {
	if f, known := l.FamilyOf(); known {
		return f.String()
	}
	return "none"
}

func entries(l *PrefixList) map[string]string {
	m := make(map[string]string, len(l.Entries))
	for _, e := range l.Entries {
		m[e.CIDR.String()] = e.Description
	}
	return m
}

func rules(dir Direction, g *Group) map[string]string {
	list := g.Rules(dir)
	m := make(map[string]string, len(list))
	for i := range list {
		m[ruleWords(dir, &list[i])] = list[i].Description
	}
	return m
}

// ruleWords is a rule in one line, in the words of the list of rules: "egress all ::/0".
func ruleWords(dir Direction, r *Rule) string { return dir.String() + " " + r.String() }

func tags(from map[string]string) map[string]string {
	m := make(map[string]string, len(from))
	for k, v := range from {
		m["tag "+Quote(k)] = v
	}
	return m
}

func each[T string | netip.Addr](what string, list []T) map[string]string {
	m := make(map[string]string, len(list))
	for _, v := range list {
		m[strings.TrimSpace(fmt.Sprint(what, " ", v))] = ""
	}
	return m
}

// ownTexts are listed addresses and prefixes as the file writes them.
func ownTexts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = OwnText(p)
	}
	return out
}
