package file

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// Comments are texts to stand above the parts of a policy that is written, by the Pos of
// the part; those of the zero Pos stand at the top. A text may have several lines.
type Comments map[policy.Pos][]string

// Add adds a text above the part at pos.
func (c Comments) Add(pos policy.Pos, format string, a ...any) {
	c[pos] = append(c[pos], fmt.Sprintf(format, a...))
}

// Write returns a policy as the text of a policy file, with what is not the default. [Parse]
// of it gives a policy of the same meaning: the rules of a block may have another order,
// and positions are those of the new text. Rules of one block, which have a position, an
// index, ports and tags in common, are written as one.
//
// Every comment stands once: above the first part that has its position. One for a position
// that no part has says where that is, and stands above the part that comes next there.
func Write(p *policy.Policy, comments Comments) []byte {
	w := writer{comments: maps.Clone(comments)}
	w.settle(p)
	w.comment(0, policy.Pos{})
	if w.b.Len() > 0 {
		w.b.WriteString("\n")
	}
	w.line(0, "version: 1")
	section(&w, "prefix_lists", p.PrefixLists, w.prefixList)
	groups := slices.Clone(p.Groups)
	groups = slices.DeleteFunc(groups, func(g policy.Group) bool { return g.Default })
	section(&w, "security_groups", groups, w.group)
	for i := range p.Groups {
		w.defaultGroup(&p.Groups[i])
	}
	acls := slices.DeleteFunc(slices.Clone(p.NetworkACLs),
		func(n policy.NetworkACL) bool { return n.Default })
	section(&w, "network_acls", acls, w.networkACL)
	section(&w, "interfaces", p.Interfaces,
		func(i *policy.Interface) { w.iface(i, p.Settings.Preset) })
	section(&w, "peers", p.Remotes, w.remote)
	w.quotas(p.Quotas)
	w.settings(&p.Settings)
	return []byte(w.b.String())
}

type writer struct {
	b        strings.Builder
	comments Comments
	// first is true while the next line begins an item of a list.
	first bool
}

// width is how long the lines of lists and comments become.
const width = 88

// line writes a line, which begins an item if that is due.
func (w *writer) line(indent int, format string, a ...any) {
	text := strings.Repeat(" ", indent)
	if w.first {
		text, w.first = text[2:]+"- ", false
	}
	w.b.WriteString(text + fmt.Sprintf(format, a...) + "\n")
}

// comment writes the comments of a position, in lines that people read.
func (w *writer) comment(indent int, pos policy.Pos) {
	for _, text := range w.comments[pos] {
		for _, line := range strings.Split(text, "\n") {
			for _, folded := range fold(printable(line), width-indent-2) {
				w.b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+"# "+folded, " ") + "\n")
			}
		}
	}
	delete(w.comments, pos)
}

// printable replaces what would end a comment or a line of it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// fold breaks a line between words. What has no spaces stays whole, and so does the
// indentation.
func fold(line string, width int) (out []string) {
	for len(line) > width {
		i := strings.LastIndexByte(line[:width+1], ' ')
		if i <= 0 || strings.TrimSpace(line[:i]) == "" {
			if i = strings.IndexByte(line[width:], ' '); i < 0 {
				break
			}
			i += width
		}
		out = append(out, line[:i])
		line = line[i+1:]
	}
	return append(out, line)
}

// section writes a list of parts under its key; nothing for an empty one.
func section[T any](w *writer, key string, parts []T, write func(*T)) {
	if len(parts) == 0 {
		return
	}
	w.b.WriteString("\n" + key + ":\n")
	for i := range parts {
		write(&parts[i])
	}
}

// text writes a key with a text, unless that is empty.
func (w *writer) text(indent int, key, value string) {
	if value != "" {
		w.line(indent, "%s: %s", key, asText(value))
	}
}

// plainText are texts that YAML reads as they are, in lists too. What looks like something
// else, such as 80, true or a date, is asked of the library.
var plainText = regexp.MustCompile(`^[\pL\pN_/(.][\pL\pN_/().+=@;$! -]*$`)

// notText are the words that some YAML reads as something else than text.
var notText = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)

// asText is a text as YAML writes it, in a line.
func asText(s string) string {
	if plainText.MatchString(s) && !strings.HasSuffix(s, " ") && !strings.Contains(s, " #") &&
		!notText.MatchString(s) {
		// Numbers and dates begin otherwise. Asking the library takes long for many texts.
		if first := s[0] | 0x20; first >= 'a' && first <= 'z' {
			return s
		}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(s), &n); err == nil && len(n.Content) == 1 &&
			n.Content[0].Tag == "!!str" && n.Content[0].Value == s {
			return s
		}
	}
	// What JSON quotes, YAML reads; the escapes of JSON are among those of YAML.
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string is always encoded
	}
	return escaped(strings.TrimSuffix(b.String(), "\n"))
}

// escaped escapes what YAML does not take in a text and JSON does.
func escaped(s string) string {
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case odd(r) && r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, r)
		case odd(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cidrText is a CIDR as YAML writes it: the colons of IPv6 need quotes between brackets.
func cidrText(p netip.Prefix) string {
	if p.Addr().Is4() {
		return p.String()
	}
	return `"` + p.String() + `"`
}

// odd reports characters that are not printed, which a reader of YAML may refuse.
func odd(r rune) bool { return r >= 0x7F && !unicode.IsPrint(r) }

// list writes a key with texts in brackets, over several lines where they are long.
func (w *writer) list(indent int, key string, items []string) {
	if len(items) == 0 {
		return
	}
	if all := strings.Join(items, ", "); indent+len(key)+len(all)+4 <= width {
		w.line(indent, "%s: [%s]", key, all)
		return
	}
	w.line(indent, "%s:", key)
	for _, item := range items {
		w.line(indent+2, "- %s", item)
	}
}

// names writes a key with a list of names.
func (w *writer) names(indent int, key string, names []string) {
	items := make([]string, len(names))
	for i, name := range names {
		items[i] = asText(name)
	}
	if len(items) == 0 {
		w.line(indent, "%s: []", key)
		return
	}
	w.list(indent, key, items)
}

// tags writes tags in the order of their keys.
func (w *writer) tags(indent int, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, asText(key)+": "+asText(tags[key]))
	}
	if all := strings.Join(pairs, ", "); indent+len(all)+10 <= width {
		w.line(indent, "tags: { %s }", all)
		return
	}
	w.line(indent, "tags:")
	for _, pair := range pairs {
		w.line(indent+2, "%s", pair)
	}
}

func (w *writer) prefixList(l *policy.PrefixList) {
	w.comment(2, l.Pos)
	w.first = true
	w.line(4, "name: %s", asText(l.Name))
	if l.MaxEntries > 0 && l.MaxEntries != len(l.Entries) {
		w.line(4, "max_entries: %d", l.MaxEntries)
	}
	if len(l.Entries) == 0 {
		if l.Family != 0 {
			w.line(4, "address_family: %s", l.Family)
		}
		w.line(4, "entries: []")
		return
	}
	w.line(4, "entries:")
	for _, e := range l.Entries {
		w.comment(6, e.Pos)
		entry := "cidr: " + cidrText(e.CIDR)
		if e.Description != "" {
			entry += ", description: " + asText(e.Description)
		}
		w.line(6, "- { %s }", entry)
	}
}

func (w *writer) group(g *policy.Group) {
	w.comment(2, g.Pos)
	w.first = true
	w.line(4, "name: %s", asText(g.Name))
	if g.Description != policy.DefaultDescription {
		w.text(4, "description", g.Description)
	}
	w.text(4, "vpc_id", g.VPCID)
	w.tags(4, g.Tags)
	if len(g.Ingress) > 0 {
		w.rules(4, policy.Ingress, g)
	}
	if !w.usual(g.Egress, policy.DefaultEgress()) {
		w.rules(4, policy.Egress, g)
	}
}

// defaultGroup writes the default group where it is not as AWS creates it.
func (w *writer) defaultGroup(g *policy.Group) {
	in, out := w.usual(g.Ingress, policy.DefaultIngress()), w.usual(g.Egress, policy.DefaultEgress())
	if !g.Default || in && out && len(g.Tags) == 0 {
		return
	}
	w.b.WriteString("\n")
	w.comment(0, g.Pos)
	w.line(0, "default_security_group:")
	w.tags(2, g.Tags)
	if !in {
		w.rules(2, policy.Ingress, g)
	}
	if !out {
		w.rules(2, policy.Egress, g)
	}
}

// usual reports whether rules are those that hold where the file says none, and nothing
// else is to be said about them.
func (w *writer) usual(rules, defaults []policy.Rule) bool {
	return slices.EqualFunc(byPeer(rules), byPeer(defaults), func(a, b policy.Rule) bool {
		return a.ID() == b.ID() && a.Description == "" && len(a.Tags) == 0 &&
			w.comments[a.Pos] == nil
	})
}

// byPeer are rules in the order of their peers.
func byPeer(rules []policy.Rule) []policy.Rule {
	return slices.SortedFunc(slices.Values(rules), func(a, b policy.Rule) int {
		return cmp.Compare(a.Peer.String(), b.Peer.String())
	})
}
