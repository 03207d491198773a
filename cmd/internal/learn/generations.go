package learn

// maxGeneration is how many conversations a generation has; there are two of them.
const maxGeneration = 1 << 16

// generations are conversations by their ends. When the young ones are many, they become the
// old ones, and those that were old are forgotten, but for those that went on since. The zero
// value is empty.
type generations struct {
	young, old map[conversation]*flow
	// forgotten counts those that nobody answered.
	forgotten uint64
}

func (g *generations) get(key conversation) *flow {
	if f := g.young[key]; f != nil {
		return f
	}
	f := g.old[key]
	if f != nil {
		delete(g.old, key)
		g.put(key, f)
	}
	return f
}

func (g *generations) put(key conversation, f *flow) {
	if len(g.young) >= maxGeneration {
		for _, o := range g.old {
			if !o.counted && len(o.crossings) > 0 {
				g.forgotten++
			}
		}
		g.old, g.young = g.young, nil
	}
	if g.young == nil {
		g.young = make(map[conversation]*flow)
	}
	g.young[key] = f
}

func (g *generations) each(do func(conversation, *flow)) {
	for _, m := range []map[conversation]*flow{g.young, g.old} {
		for key, f := range m {
			do(key, f)
		}
	}
}
