package space

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// randomCells draws cells of up to n columns.
func randomCells(t *rapid.T, n int) (out []cell) {
	for range rapid.IntRange(0, 20).Draw(t, "cells") {
		mask := rapid.Uint32Range(1, 1<<n-1).Draw(t, "cell")
		var c cell
		for i := range n {
			if mask>>i&1 != 0 {
				c = append(c, int32(i))
			}
		}
		out = append(out, c)
	}
	return out
}

// fewest tries all sets of n columns.
func fewest(cells []cell, n int) int {
	best := n
	for mask := range 1 << n {
		covers := true
		for _, c := range cells {
			covers = covers && slices.ContainsFunc(c, func(col int32) bool { return mask>>col&1 != 0 })
		}
		if covers {
			best = min(best, bits.OnesCount(uint(mask)))
		}
	}
	return best
}

// TestCoverAgainstAllSets: as few columns are chosen as any set of them has.
func TestCoverAgainstAllSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 9
		cells := randomCells(t, n)
		var copied []cell
		for _, c := range cells {
			copied = append(copied, slices.Clone(c))
		}
		chosen, proved := cover(copied)
		if len(without(cells, chosen...)) > 0 {
			t.Fatalf("%v leaves %v", chosen, without(cells, chosen...))
		}
		if want := fewest(cells, n); !proved || len(chosen) != want {
			t.Fatalf("%v, proved %t, and %d would do: %v", chosen, proved, want, cells)
		}
	})
}

// TestCoverWithoutProof: where the search ends early nothing is proved, and nothing that was
// chosen can be left out.
func TestCoverWithoutProof(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cells := make([]cell, 400)
	for i := range cells {
		for len(cells[i]) < 6 {
			if col := int32(rng.IntN(150)); !slices.Contains(cells[i], col) {
				cells[i] = append(cells[i], col)
			}
		}
		slices.Sort(cells[i])
	}
	s := search{left: 20, best: needed(cells, greedy(cells))}
	first := len(s.best)
	s.try(cells, nil)
	if s.left > 0 || len(s.best) > first {
		t.Errorf("%d left, %d of %d chosen", s.left, len(s.best), first)
	}
	for i := range s.best {
		if len(without(cells, slices.Delete(slices.Clone(s.best), i, i+1)...)) == 0 {
			t.Errorf("column %d could be left out", s.best[i])
		}
	}
	if len(without(cells, s.best...)) > 0 {
		t.Error("a cell has no column")
	}
}
