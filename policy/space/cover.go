package space

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// Covering is the problem to choose as few columns as possible so that each cell has one
// that was chosen: what is left of a minimization after Quine and McCluskey once the widest
// boxes, their prime implicants, are known.

// budget bounds how many choices are tried in each part of a problem that is independent of
// the others. Above tooMany cells only a good choice is made, and nothing is proved.
const (
	budget  = 50_000
	tooMany = 200_000
)

// cell are the columns that have it, in ascending order; there is at least one.
type cell []int32

// cover chooses columns, and reports whether no fewer would do.
func cover(cells []cell) (chosen []int32, proved bool) {
	cells = distinct(cells)
	if len(cells) > tooMany {
		return needed(cells, greedy(cells)), false
	}
	cells, chosen = reduce(cells)
	proved = true
	for _, part := range parts(cells) {
		s := search{left: budget, best: needed(part, greedy(part))}
		s.try(part, nil)
		chosen = append(chosen, s.best...)
		proved = proved && s.left > 0
	}
	return chosen, proved
}

// distinct takes every cell once.
func distinct(cells []cell) []cell {
	seen := make(map[string]bool, len(cells))
	var name []byte
	return slices.DeleteFunc(cells, func(c cell) bool {
		name = name[:0]
		for _, col := range c {
			name = binary.LittleEndian.AppendUint32(name, uint32(col))
		}
		was := seen[string(name)]
		seen[string(name)] = true
		return was
	})
}

// reduce takes columns that there is no choice about, and leaves out cells and columns that
// others make superfluous, until nothing changes.
func reduce(cells []cell) (rest []cell, chosen []int32) {
	cells = distinct(cells)
	for {
		n, width := len(cells), 0
		for _, c := range cells {
			width += len(c)
		}
		var forced []int32
		for _, c := range cells {
			if len(c) == 1 { // no other cell is the same
				forced = append(forced, c[0])
			}
		}
		if len(forced) > 0 {
			chosen = append(chosen, forced...)
			cells = without(cells, forced...)
		}
		cells = hardest(widest(cells))
		left := 0
		for _, c := range cells {
			left += len(c)
		}
		if len(cells) == n && left == width {
			return cells, chosen
		}
	}
}

// without returns the cells that have none of the columns.
func without(cells []cell, columns ...int32) []cell {
	taken := make(map[int32]bool, len(columns))
	for _, c := range columns {
		taken[c] = true
	}
	var out []cell
	for _, c := range cells {
		if !slices.ContainsFunc(c, func(col int32) bool { return taken[col] }) {
			out = append(out, c)
		}
	}
	return out
}

// columns maps each column to the places of the cells that have it.
func columns(cells []cell) map[int32][]int32 {
	out := make(map[int32][]int32)
	for i, c := range cells {
		for _, col := range c {
			out[col] = append(out[col], int32(i))
		}
	}
	return out
}

// hardest leaves out cells that are there as soon as another one is: those with all its
// columns and more.
func hardest(cells []cell) []cell {
	slices.SortStableFunc(cells, func(a, b cell) int { return cmp.Compare(len(a), len(b)) })
	by := columns(cells)
	gone := make([]bool, len(cells))
	for i, c := range cells {
		if gone[i] {
			continue
		}
		// Who has all columns of c has the rarest of them.
		rarest := c[0]
		for _, col := range c {
			if len(by[col]) < len(by[rarest]) {
				rarest = col
			}
		}
		for _, j := range by[rarest] {
			if int(j) != i && !gone[j] && len(cells[j]) >= len(c) && subset(c, cells[j]) {
				gone[j] = true
			}
		}
	}
	var out []cell
	for i, c := range cells {
		if !gone[i] {
			out = append(out, c)
		}
	}
	return out
}

// widest leaves out columns all of whose cells another one has, too.
func widest(cells []cell) []cell {
	by := columns(cells)
	gone := make(map[int32]bool)
	for _, col := range slices.Sorted(maps.Keys(by)) { // the same answer each time
		in := by[col]
		// Who has all cells of col is a column of the one with the fewest.
		fewest := cells[in[0]]
		for _, i := range in {
			if len(cells[i]) < len(fewest) {
				fewest = cells[i]
			}
		}
		for _, other := range fewest {
			if other != col && !gone[other] && subset(in, by[other]) &&
				(len(by[other]) > len(in) || other < col) {
				gone[col] = true
				break
			}
		}
	}
	if len(gone) == 0 {
		return cells
	}
	out := make([]cell, len(cells))
	for i, c := range cells {
		out[i] = slices.DeleteFunc(slices.Clone(c), func(col int32) bool { return gone[col] })
	}
	return distinct(out)
}

// subset reports whether all of a is in b; both are in ascending order.
func subset(a, b []int32) bool {
	j := 0
	for _, x := range a {
		for j < len(b) && b[j] < x {
			j++
		}
		if j == len(b) || b[j] != x {
			return false
		}
	}
	return true
}

// parts splits a problem into those that have no column in common.
func parts(cells []cell) (out [][]cell) {
	by, part := columns(cells), make([]int, len(cells))
	for i := range cells {
		if part[i] != 0 {
			continue
		}
		var members []cell
		queue := []int{i}
		part[i] = len(out) + 1
		for len(queue) > 0 {
			c := cells[queue[0]]
			members, queue = append(members, c), queue[1:]
			for _, col := range c {
				for _, j := range by[col] {
					if part[j] == 0 {
						part[j] = len(out) + 1
						queue = append(queue, int(j))
					}
				}
				by[col] = nil
			}
		}
		out = append(out, members)
	}
	return out
}

// greedy takes the column that most cells have, until all have one.
func greedy(cells []cell) (chosen []int32) {
	for len(cells) > 0 {
		best, most := int32(0), 0
		for col, in := range columns(cells) {
			if len(in) > most || len(in) == most && col < best {
				best, most = col, len(in)
			}
		}
		chosen = append(chosen, best)
		cells = without(cells, best)
	}
	return chosen
}

// needed leaves out chosen columns that the others make superfluous, the last ones first.
func needed(cells []cell, chosen []int32) []int32 {
	count := make([]int, len(cells))
	by := columns(cells)
	for _, col := range chosen {
		for _, i := range by[col] {
			count[i]++
		}
	}
	for k := len(chosen) - 1; k >= 0; k-- {
		in := by[chosen[k]]
		if slices.ContainsFunc(in, func(i int32) bool { return count[i] == 1 }) {
			continue
		}
		for _, i := range in {
			count[i]--
		}
		chosen = slices.Delete(chosen, k, k+1)
	}
	return chosen
}

// search is a branch and bound.
type search struct {
	left int
	best []int32
}

// try looks for better ways to go on with what was chosen.
func (s *search) try(cells []cell, chosen []int32) {
	if s.left <= 0 {
		return
	}
	s.left--
	cells, forced := reduce(slices.Clone(cells))
	chosen = slices.Concat(chosen, forced)
	if len(cells) == 0 {
		if len(chosen) < len(s.best) {
			s.best = chosen
		}
		return
	}
	if len(chosen)+apart(cells) >= len(s.best) {
		return
	}
	// One of the columns of the cell with the fewest has to be taken.
	by := columns(cells)
	c := slices.MinFunc(cells, func(a, b cell) int { return cmp.Compare(len(a), len(b)) })
	c = slices.Clone(c)
	slices.SortStableFunc(c, func(a, b int32) int { return cmp.Compare(len(by[b]), len(by[a])) })
	for i, col := range c {
		rest := without(cells, col)
		// Those that were tried already need not be tried again beside this one.
		for j, r := range rest {
			rest[j] = slices.DeleteFunc(slices.Clone(r),
				func(x int32) bool { return slices.Contains(c[:i], x) })
		}
		if slices.ContainsFunc(rest, func(r cell) bool { return len(r) == 0 }) {
			continue
		}
		s.try(rest, append(slices.Clone(chosen), col))
	}
}

// apart counts cells that have no columns in common: each needs one of its own.
func apart(cells []cell) (n int) {
	taken := make(map[int32]bool)
	for _, c := range cells {
		if !slices.ContainsFunc(c, func(col int32) bool { return taken[col] }) {
			n++
			for _, col := range c {
				taken[col] = true
			}
		}
	}
	return n
}
