package filter

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
)

// matcher answers which rule permits (peer address, selector) for one set of
// groups, one direction and one family. A verdict costs the same with ten and
// with ten thousand rules: the trie maps the address to a class, and the class
// holds the spans of all rules whose peer covers the address. It is frozen
// once built; the zero value permits nothing.
type matcher struct {
	trie    trie
	classes []class
	spans   []span
	pages   []pageTable
}

// class is what may be reached by one set of nested prefixes. Where a prefix
// lies inside others, their spans are merged into one search as long as they
// are few (mergeLimit); else next goes on with the enclosing prefix. Without
// the limit n ports open to everyone and n hosts with a port each would cost
// n² spans.
type class struct {
	first, count uint32 // in matcher.spans
	page         uint32 // in matcher.pages, plus 1
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

// match returns a rule that permits the selector for a peer, or NoRule.
func (m *matcher) match(peer conntrack.Addr, s selector) RuleID {
	for c := m.trie.lookup(keyOf(peer)); c != 0; {
		cl := &m.classes[c]
		spans := m.spans[cl.first : cl.first+cl.count]
		if cl.page != 0 {
			spans = m.pages[cl.page-1].narrow(spans, s)
		}
		if r := find(spans, s); r != NoRule {
			return r
		}
		c = cl.next
	}
	return NoRule
}

func (t *pageTable) narrow(spans []span, s selector) []span {
	var starts *[257]uint32
	switch s >> 16 {
	case conntrack.ProtoTCP:
		starts = &t.tcp
	case conntrack.ProtoUDP:
		starts = &t.udp
	default:
		return spans
	}
	page := s >> 8 & 0xff
	// The span that ends in the next page may begin in this one.
	end := min(int(starts[page+1])+1, len(spans))
	return spans[starts[page]:end]
}

func newPageTable(spans []span) pageTable {
	var t pageTable
	fill := func(starts *[257]uint32, proto selector) {
		i := 0
		for page := range starts {
			from := proto<<16 + selector(page)<<8
			for i < len(spans) && spans[i].hi < from {
				i++
			}
			starts[page] = uint32(i)
		}
	}
	fill(&t.tcp, conntrack.ProtoTCP)
	fill(&t.udp, conntrack.ProtoUDP)
	return t
}

// grant is one rule for one prefix, the input of newMatcher.
type grant struct {
	key  key
	bits int
	span span
}

// newMatcher builds the matcher of a list of grants in any order; the list is
// reordered.
func newMatcher(grants []grant) *matcher {
	slices.SortFunc(grants, func(a, b grant) int {
		return cmp.Or(cmp.Compare(a.key.hi, b.key.hi), cmp.Compare(a.key.lo, b.key.lo),
			cmp.Compare(a.bits, b.bits), cmp.Compare(a.span.rule, b.span.rule), cmp.Compare(a.span.lo, b.span.lo))
	})
	b := matcherBuilder{
		m:      &matcher{classes: make([]class, 1, len(grants)/4+2), spans: make([]span, 0, len(grants))},
		single: make(map[span]uint32),
		shared: make(map[string]uint32),
	}
	entries := make([]trieEntry, 0, len(grants))
	var enclosing []enclosingPrefix // innermost last
	for i := 0; i < len(grants); {
		g := &grants[i]
		end := i + 1
		for end < len(grants) && grants[end].key == g.key && grants[end].bits == g.bits {
			end++
		}
		for len(enclosing) > 0 {
			if last := &enclosing[len(enclosing)-1]; last.key.contains(last.bits, g.key) {
				break
			}
			enclosing = enclosing[:len(enclosing)-1]
		}
		around := enclosingPrefix{}
		if len(enclosing) > 0 {
			around = enclosing[len(enclosing)-1]
		}
		here := b.class(grants[i:end], around)
		here.key, here.bits = g.key, g.bits
		enclosing = append(enclosing, here)
		entries = append(entries, trieEntry{key: g.key, bits: g.bits, value: here.class})
		i = end
	}
	b.m.trie = newTrie(entries)
	return b.m
}

// enclosingPrefix is a prefix on the way from /0 to the one being built.
type enclosingPrefix struct {
	key   key
	bits  int
	class uint32
	raw   []span // what its class permits before next, not flattened
	next  uint32
}

type matcherBuilder struct {
	m *matcher
	// single and shared find a class that exists already: prefixes of one list
	// under one rule share it. single serves the common one-span class without
	// making a string.
	single map[span]uint32
	shared map[string]uint32
}

// class makes or finds the class of a prefix with these grants inside around.
func (b *matcherBuilder) class(grants []grant, around enclosingPrefix) enclosingPrefix {
	e := enclosingPrefix{next: around.class}
	e.raw = make([]span, 0, len(grants)+len(around.raw))
	for i := range grants {
		e.raw = append(e.raw, grants[i].span)
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
		c = b.add(flatten(slices.Clone(e.raw)), e.next)
		b.shared[name] = c
	}
	e.class = c
	return e
}

// add appends a class of disjoint ascending spans.
func (b *matcherBuilder) add(spans []span, next uint32) uint32 {
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
func sharedKey(spans []span, next uint32) string {
	buf := make([]byte, 0, 12*len(spans)+4)
	word := func(v uint32) { buf = append(buf, byte(v), byte(v>>8), byte(v>>16), byte(v>>24)) }
	for _, s := range spans {
		word(uint32(s.lo))
		word(uint32(s.hi))
		word(uint32(s.rule))
	}
	word(next)
	return string(buf)
}
