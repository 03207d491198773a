package match

import (
	"cmp"
	"slices"
)

// Matcher answers which rule permits (peer address, selector) for one set of
// groups, one direction and one family. A verdict costs the same with ten and
// with ten thousand rules: the trie maps the address to a class, and the class
// holds the spans of all rules whose peer covers the address. It is frozen
// once built; the zero value permits nothing.
type Matcher struct {
	trie    trie
	classes []class
	spans   []Span
	pages   []pageTable
}

// class is what may be reached by one set of nested prefixes. Where a prefix
// lies inside others, their spans are merged into one search as long as they
// are few (mergeLimit); else next goes on with the enclosing prefix. Without
// the limit n ports open to everyone and n hosts with a port each would cost
// n² spans.
type class struct {
	first, count uint32 // in Matcher.spans
	page         uint32 // in Matcher.pages, plus 1
	next         uint32 // class of the enclosing prefix, 0 for none
}

const (
	mergeLimit = 32
	// pagedFrom is the number of spans from which a class has a page table.
	pagedFrom = 64
)

// pageTable narrows the search in a class with many spans to those of one
// 256-port page, for TCP and UDP. starts[p] is the first span that ends in or
// behind page p.
type pageTable struct {
	tcp, udp [257]uint32
}

// Match returns a rule that permits the selector for a peer, or NoRule.
func (m *Matcher) Match(peer Key, s Selector) RuleNumber {
	for c := m.trie.lookup(peer); c != 0; {
		cl := &m.classes[c]
		spans := m.spans[cl.first : cl.first+cl.count]
		if cl.page != 0 {
			spans = m.pages[cl.page-1].narrow(spans, s)
		}
		if r := Find(spans, s); r != NoRule {
			return r
		}
		c = cl.next
	}
	return NoRule
}

// First returns the rule with the lowest number that permits the selector for a peer, or
// NoRule: where numbers are an order, as in network ACLs, the one that comes first.
func (m *Matcher) First(peer Key, s Selector) RuleNumber {
	first := NoRule
	for c := m.trie.lookup(peer); c != 0; {
		cl := &m.classes[c]
		spans := m.spans[cl.first : cl.first+cl.count]
		if cl.page != 0 {
			spans = m.pages[cl.page-1].narrow(spans, s)
		}
		if r := Find(spans, s); r != NoRule && (first == NoRule || r < first) {
			first = r
		}
		c = cl.next
	}
	return first
}

func (t *pageTable) narrow(spans []Span, s Selector) []Span {
	var starts *[257]uint32
	switch s >> 16 {
	case protoTCP:
		starts = &t.tcp
	case protoUDP:
		starts = &t.udp
	default:
		return spans
	}
	page := s >> 8 & 0xff
	// The span that ends in the next page may begin in this one.
	end := min(int(starts[page+1])+1, len(spans))
	return spans[starts[page]:end]
}

func newPageTable(spans []Span) pageTable {
	var t pageTable
	fill := func(starts *[257]uint32, proto Selector) {
		i := 0
		for page := range starts {
			from := proto<<16 + Selector(page)<<8
			for i < len(spans) && spans[i].Hi < from {
				i++
			}
			starts[page] = uint32(i)
		}
	}
	fill(&t.tcp, protoTCP)
	fill(&t.udp, protoUDP)
	return t
}

// Grant is one rule for one prefix, the input of New.
type Grant struct {
	Key  Key
	Bits int
	Span Span
}

// New builds the matcher of a list of grants in any order; the list is
// reordered.
func New(grants []Grant) *Matcher {
	slices.SortFunc(grants, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Key.Hi, b.Key.Hi), cmp.Compare(a.Key.Lo, b.Key.Lo),
			cmp.Compare(a.Bits, b.Bits), cmp.Compare(a.Span.Rule, b.Span.Rule),
			cmp.Compare(a.Span.Lo, b.Span.Lo))
	})
	b := matcherBuilder{
		m:      &Matcher{classes: make([]class, 1, len(grants)/4+2), spans: make([]Span, 0, len(grants))},
		single: make(map[Span]uint32),
		shared: make(map[string]uint32),
	}
	entries := make([]trieEntry, 0, len(grants))
	var enclosing []enclosingPrefix // innermost last
	for i := 0; i < len(grants); {
		g := &grants[i]
		end := i + 1
		for end < len(grants) && grants[end].Key == g.Key && grants[end].Bits == g.Bits {
			end++
		}
		for len(enclosing) > 0 {
			if last := &enclosing[len(enclosing)-1]; last.key.Contains(last.bits, g.Key) {
				break
			}
			enclosing = enclosing[:len(enclosing)-1]
		}
		around := enclosingPrefix{}
		if len(enclosing) > 0 {
			around = enclosing[len(enclosing)-1]
		}
		here := b.class(grants[i:end], around)
		here.key, here.bits = g.Key, g.Bits
		enclosing = append(enclosing, here)
		entries = append(entries, trieEntry{key: g.Key, bits: g.Bits, value: here.class})
		i = end
	}
	b.m.trie = newTrie(entries)
	return b.m
}

// enclosingPrefix is a prefix on the way from /0 to the one being built.
type enclosingPrefix struct {
	key   Key
	bits  int
	class uint32
	raw   []Span // what its class permits before next, not flattened
	next  uint32
}

type matcherBuilder struct {
	m *Matcher
	// single and shared find a class that exists already: prefixes of one list
	// under one rule share it. single serves the common one-span class without
	// making a string.
	single map[Span]uint32
	shared map[string]uint32
}

// class makes or finds the class of a prefix with these grants inside around.
func (b *matcherBuilder) class(grants []Grant, around enclosingPrefix) enclosingPrefix {
	e := enclosingPrefix{next: around.class}
	e.raw = make([]Span, 0, len(grants)+len(around.raw))
	for i := range grants {
		e.raw = append(e.raw, grants[i].Span)
	}
	if len(grants)+len(around.raw) <= mergeLimit {
		e.raw = append(e.raw, around.raw...)
		e.next = around.next
	}
	if len(e.raw) == 1 && e.next == 0 {
		c, ok := b.single[e.raw[0]]
		if !ok {
			c = b.add(e.raw, 0)
			b.single[e.raw[0]] = c
		}
		e.class = c
		return e
	}
	name := sharedKey(e.raw, e.next)
	c, ok := b.shared[name]
	if !ok {
		c = b.add(Flatten(slices.Clone(e.raw)), e.next)
		b.shared[name] = c
	}
	e.class = c
	return e
}

// add appends a class of disjoint ascending spans.
func (b *matcherBuilder) add(spans []Span, next uint32) uint32 {
	c := class{first: uint32(len(b.m.spans)), count: uint32(len(spans)), next: next}
	b.m.spans = append(b.m.spans, spans...)
	if len(spans) >= pagedFrom {
		b.m.pages = append(b.m.pages, newPageTable(spans))
		c.page = uint32(len(b.m.pages))
	}
	b.m.classes = append(b.m.classes, c)
	return uint32(len(b.m.classes) - 1)
}

// sharedKey spells spans and next as a map key.
func sharedKey(spans []Span, next uint32) string {
	buf := make([]byte, 0, 12*len(spans)+4)
	word := func(v uint32) { buf = append(buf, byte(v), byte(v>>8), byte(v>>16), byte(v>>24)) }
	for _, s := range spans {
		word(uint32(s.Lo))
		word(uint32(s.Hi))
		word(uint32(s.Rule))
	}
	word(next)
	return string(buf)
}
