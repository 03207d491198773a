package file

import (
	"net/netip"
	"strings"

	"sgfw/policy"
)

// Item is a rule as lines of a policy file: an item of a list whose keys begin behind indent
// spaces, at least 2.
func Item(r policy.Rule, indent int) []string {
	return lines(func(w *writer) { w.block(indent, []policy.Rule{r}) })
}

// ACLItem is Item for a rule of a network ACL.
func ACLItem(r policy.ACLRule, indent int) []string {
	return lines(func(w *writer) { w.aclRule(indent, &r) })
}

// Attached is the key of an interface with its groups, behind indent spaces.
func Attached(groups []string, indent int) []string {
	return lines(func(w *writer) { w.names(indent, "security_groups", groups) })
}

// Owned is the key of an interface with its addresses and prefixes, behind indent spaces.
func Owned(own []netip.Prefix, indent int) []string {
	return lines(func(w *writer) { w.list(indent, "addresses", ownItems(own)) })
}

// lines are what is written.
func lines(write func(*writer)) []string {
	var w writer
	write(&w)
	return strings.Split(strings.TrimSuffix(w.b.String(), "\n"), "\n")
}
