package awsjson

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// list is a prefix list as it is described, or as rules refer to it.
type list struct {
	policy.PrefixList
	owner   string
	tags    map[string]string
	entries []policy.PrefixEntry
	// described is true if there is more than rules that name it; filled, if somebody said
	// which entries it has, perhaps none.
	described, filled bool
}

// byAWS is the owner of the lists that AWS manages.
const byAWS = "AWS"

// entries is an answer of get-managed-prefix-list-entries, which does not say of which list.
type entries struct {
	id, file string
	pos      policy.Pos
	items    []policy.PrefixEntry
}

func (i *importer) listOf(id string, pos policy.Pos) *list {
	l := i.lists[id]
	if l == nil {
		i.count(pos)
		l = &list{}
		i.lists[id] = l
		i.listIDs = append(i.listIDs, id)
	}
	return l
}

// list reads a prefix list of describe-managed-prefix-lists, or of describe-prefix-lists,
// which has the CIDRs of AWS's services.
func (i *importer) list(n *tree.Node) {
	if !i.object(n, "a prefix list") {
		return
	}
	id, ok := i.id(n, "PrefixListId", "the prefix list")
	name, named := i.id(n, "PrefixListName", "the prefix list")
	most, good := i.number(n, "MaxEntries")
	if !ok || !named || !good {
		return
	}
	l := i.listOf(id, n.Pos(i.file))
	if !l.described {
		l.described, l.owner, l.tags = true, i.text(n, "OwnerId"), i.tags(n, "Tags")
		l.PrefixList = policy.PrefixList{Name: name, Pos: n.Pos(i.file)}
		if most != nil {
			l.MaxEntries = *most
		}
	}
	switch family := n.Get("AddressFamily"); {
	case family == nil:
	case family.Text == policy.IPv4.String():
		l.Family = policy.IPv4
	case family.Text == policy.IPv6.String():
		l.Family = policy.IPv6
	default:
		i.Errorf(family.Pos(i.file), "IPv4 or IPv6", "AddressFamily %q is unknown", family.Text)
	}
	if n.Get("Cidrs") != nil {
		l.filled = true
		for _, item := range i.items(n, "Cidrs") {
			i.count(item.Pos(i.file))
			cidr, bad := policy.ParseCIDR(item.Text)
			i.Add(item.Pos(i.file), bad)
			l.entries = append(l.entries, policy.PrefixEntry{CIDR: cidr, Pos: item.Pos(i.file)})
		}
	}
	if n.Get(keyEntries) != nil { // as sgfw export writes it
		l.filled = true
		for _, item := range i.items(n, keyEntries) {
			if e, ok := i.prefix(item); ok {
				l.entries = append(l.entries, e)
			}
		}
	}
}

// entry reads an entry of get-managed-prefix-list-entries.
func (i *importer) entry(n *tree.Node) {
	if e, ok := i.prefix(n); ok {
		c := i.startEntries(n.Pos(i.file))
		c.items = append(c.items, e)
	}
}

func (i *importer) prefix(n *tree.Node) (e policy.PrefixEntry, ok bool) {
	if !i.object(n, "an entry") {
		return e, false
	}
	i.count(n.Pos(i.file))
	cidr, ok := i.cidr(n, "Cidr", 0)
	return policy.PrefixEntry{CIDR: cidr, Description: i.text(n, "Description"),
		Pos: n.Pos(i.file)}, ok
}

func (i *importer) startEntries(pos policy.Pos) *entries {
	if i.current == nil {
		i.current = &entries{file: i.file, pos: pos}
		i.entries = append(i.entries, i.current)
	}
	return i.current
}

// endEntries ends the entries of a document, which may say the ID of their list: only if
// somebody made it say so.
func (i *importer) endEntries(n *tree.Node) {
	if n.Get(keyEntries) != nil && n.Get("PrefixListName") == nil {
		c := i.startEntries(n.Pos(i.file))
		c.id, c.pos = i.text(n, "PrefixListId"), n.Pos(i.file)
		i.current = nil
	}
}

var listID = regexp.MustCompile(`pl-(?:[0-9a-f]{17}|[0-9a-f]{8})\b`)

// matchEntries gives entries to their lists: by the ID in the answer or in the name of its
// file, by the file's name as that of the list, or else to the only list that has none.
func (i *importer) matchEntries() {
	var left []*entries
	for _, e := range i.entries {
		if e.id == "" {
			e.id = i.namedBy(e.file)
		}
		if e.id == "" {
			left = append(left, e)
			continue
		}
		i.fill(i.listOf(e.id, e.pos), e)
	}
	if len(left) == 0 {
		return
	}
	var open, names []string
	for _, id := range i.listIDs {
		l := i.lists[id]
		if l.filled || i.given[id] != nil || i.given[l.Name] != nil || l.owner == byAWS && !i.used(id) {
			continue
		}
		open = append(open, id)
		names = append(names, strings.TrimSuffix(id+" ("+l.Name, " (")+
			strings.Repeat(")", min(len(l.Name), 1)))
	}
	if len(left) == 1 && len(open) == 1 {
		i.fill(i.lists[open[0]], left[0])
		i.Lost(left[0].pos, "", "these entries are taken for those of %s, the only list without",
			names[0])
		return
	}
	hint := "call the file pl-….json after the list, or give it with --prefix-list pl-…=FILE"
	if len(names) > 0 {
		const most = 6
		if len(names) > most {
			names = append(names[:most:most], "…")
		}
		hint += "; without entries: " + strings.Join(names, ", ")
	}
	for _, e := range left {
		i.Errorf(e.pos, hint, "these entries do not say of which prefix list they are")
	}
}

// namedBy returns the list that a file is called after, by its ID or its name.
func (i *importer) namedBy(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	if id := listID.FindString(base); id != "" {
		return id
	}
	base = strings.TrimSuffix(base, path.Ext(base))
	found := ""
	for _, id := range i.listIDs {
		if l := i.lists[id]; l.described && l.Name == base {
			if found != "" {
				return ""
			}
			found = id
		}
	}
	return found
}

func (i *importer) fill(l *list, e *entries) {
	l.filled = true
	l.entries = append(l.entries, e.items...)
	if l.Pos == (policy.Pos{}) {
		l.Pos = e.pos
	}
}

// used reports whether a rule names the list.
func (i *importer) used(id string) bool { return i.references[id] != nil }

// placeLists gives the prefix lists to the draft: those of people, and of AWS's own those
// that rules name.
func (i *importer) placeLists() {
	for _, id := range i.listIDs {
		l := i.lists[id]
		if l.owner == byAWS && !i.used(id) {
			continue
		}
		given, there := i.given[id]
		if !there {
			given, there = i.given[l.Name]
		}
		if there {
			l.filled, l.entries = true, given
		}
		name := cmp.Or(l.Name, id)
		if !l.filled {
			if !l.described {
				i.Absent(id, i.references[id].pos, name, "the prefix list is not here")
				continue
			}
			why := "its entries are not here"
			if l.owner == byAWS {
				why = "AWS manages it, and its entries are not here"
			}
			i.Lost(l.Pos, "aws ec2 get-managed-prefix-list-entries --prefix-list-id "+id+" > "+id+
				".json, and import that, too", "%s: %s, so rules that name it match nothing", name, why)
		}
		i.Comment(l.Pos, "%s", id)
		for _, key := range slices.Sorted(maps.Keys(l.tags)) {
			i.Comment(l.Pos, "tag %s: %s", key, l.tags[key])
		}
		l.Name, l.Entries = name, l.entries
		for j := range l.entries {
			if f := policy.FamilyOf(l.entries[j].CIDR); l.Family != 0 && f != l.Family {
				i.Errorf(l.entries[j].Pos, "", "%s is %s, and %s a list of %s", l.entries[j].CIDR, f, name,
					l.Family)
			}
		}
		i.List(id, l.PrefixList)
	}
}
