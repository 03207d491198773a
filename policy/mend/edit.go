package mend

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// edit puts a text in place of bytes of a file.
type edit struct {
	from, to int
	with     string
}

// first is where the unit begins.
func (u *unit) first() int {
	return slices.MinFunc(u.edits, func(a, b edit) int { return a.from - b.from }).from
}

// together are the edits of units in order, false if they contradict each other. Items that
// different units take from one list are removed at once: it may have no others.
func (t *text) together(units []*unit) (all []edit, ok bool) {
	taken := map[*yaml.Node]map[int]bool{}
	lists := map[*yaml.Node]*node{}
	for _, u := range units {
		if u.list == nil {
			all = append(all, u.edits...)
			continue
		}
		if taken[u.list.Node] == nil {
			taken[u.list.Node], lists[u.list.Node] = map[int]bool{}, u.list
		}
		taken[u.list.Node][u.item] = true
	}
	for n, items := range taken {
		more, ok := t.items(lists[n], items)
		if !ok {
			return nil, false
		}
		all = append(all, more...)
	}
	slices.SortFunc(all, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	at := 0
	for _, e := range all {
		if e.from < at {
			return nil, false
		}
		at = e.to
	}
	return all, true
}

// edited is a text after edits.
func (t *text) edited(edits []edit) []byte {
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, t.all[at:e.from]...), e.with...)
		at = e.to
	}
	return append(out, t.all[at:]...)
}

// items removes items of a list; false if it is written in a way that is left to people. of
// says which, and the list stays as [] if it has no others.
func (t *text) items(list *node, of map[int]bool) ([]edit, bool) {
	switch {
	case list.flow() && len(of) == len(list.Content):
		from, to := t.start(list.Node), t.end(list.Node)
		return []edit{{from, to, "[]"}}, to > 0
	case list.flow():
		return t.run(list.Node, 1, of)
	}
	var out []edit
	for i := range list.Content {
		if of[i] {
			from, to, ok := t.item(list, i)
			if !ok {
				return nil, false
			}
			out = append(out, edit{from: from, to: to})
		}
	}
	if len(of) < len(list.Content) {
		return out, true
	}
	if list.in == nil || list.in.Kind != yaml.MappingNode {
		return nil, false
	}
	key := list.in.Content[list.at-1]
	at := t.end(key)
	if at < 0 || !strings.HasPrefix(t.all[at:], ":") || key.Line >= list.Line {
		return nil, false
	}
	return append(out, edit{at + 1, at + 1, " []"}), true
}

// run removes parts of a flow list, or with 2 a part pairs of a flow mapping, with the commas.
func (t *text) run(in *yaml.Node, size int, of map[int]bool) (out []edit, ok bool) {
	n := len(in.Content) / size
	for i := 0; i < n; i++ {
		if !of[i] {
			continue
		}
		j := i
		for j < n && of[j] {
			j++
		}
		e := edit{from: t.start(in.Content[i*size])}
		if j < n {
			e.to = t.start(in.Content[j*size])
		} else {
			if i == 0 {
				return nil, false
			}
			e.from, e.to = t.end(in.Content[i*size-1]), t.end(in.Content[len(in.Content)-1])
		}
		if e.from < 0 || e.to < e.from {
			return nil, false
		}
		out, i = append(out, e), j
	}
	return out, true
}

// item is where an item of a block list is, whole lines with the comment that stands right
// above it.
func (t *text) item(list *node, i int) (from, to int, ok bool) {
	n, indent := list.Content[i], list.Column-1
	line := n.Line - 1
	if line < 0 || line >= len(t.lines) || list.Anchor != "" || n.Anchor != "" ||
		!strings.HasPrefix(t.lines[line], strings.Repeat(" ", indent)+"-") {
		return 0, 0, false
	}
	first, last := line, t.last(line, indent)
	for first > 0 && comment(t.lines[first-1]) && indentOf(t.lines[first-1]) == indent {
		first--
	}
	// Of blank lines above and below one stays.
	if first > 0 && blank(t.lines[first-1]) && last < len(t.lines) && blank(t.lines[last]) {
		last++
	}
	return t.starts[first], t.starts[last], true
}

// last is the line behind what begins at a line and is indented deeper than that below it.
func (t *text) last(line, indent int) int {
	last := line + 1
	for k := last; k < len(t.lines); k++ {
		switch l := t.lines[k]; {
		case blank(l):
		case indentOf(l) > indent:
			last = k + 1
		case !comment(l):
			return last
		}
	}
	return last
}

// key removes a key of a mapping, which has others.
func (t *text) key(value *node) ([]edit, bool) {
	in, i := value.in, value.at-1
	key := in.Content[i]
	if in.flow() {
		return t.run(in.Node, 2, map[int]bool{i / 2: true})
	}
	if i == 0 { // behind the dash of an item
		if len(in.Content) < 4 || in.Content[2].Line <= key.Line {
			return nil, false
		}
		return []edit{{t.start(key), t.start(in.Content[2]), ""}}, true
	}
	line, indent := key.Line-1, in.Column-1
	// A list may stand as deep as its key.
	if value.Kind == yaml.SequenceNode && !value.flow() {
		_, to, ok := t.item(value, len(value.Content)-1)
		if !ok {
			return nil, false
		}
		return []edit{{t.starts[line], to, ""}}, true
	}
	return []edit{{t.starts[line], t.starts[t.last(line, indent)], ""}}, true
}

func blank(line string) bool { return strings.TrimSpace(line) == "" }

func comment(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "#") }

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
