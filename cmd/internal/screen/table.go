package screen

import (
	"fmt"
	"io"
	"strings"
)

// Fit says what becomes of a column whose cells are too long for the screen.
type Fit uint8

const (
	// Whole: the cells stay as they are.
	Whole Fit = iota
	// Cut: the end of a cell goes, and a … says so.
	Cut
	// Folded: a cell goes on in the next line.
	Folded
)

// Column is a column of a table.
type Column struct {
	// Head is its heading. A table whose columns have none has no heading.
	Head string
	// Rank says when the column is left out: the highest goes first, 0 never. From
	// rankExtra on it goes as soon as another one is narrower than Roomy because of it.
	Rank int
	// Fit says what becomes of long cells. They give way down to Least columns before
	// anything is left out.
	Fit          Fit
	Least, Roomy int
	// Right is for numbers: they end in the same place.
	Right bool
}

// rankExtra is the first rank of columns that are there if there is room.
const rankExtra = 2

// Cell is a cell with a style.
type Cell struct {
	Style Style
	Text  string
}

// Table collects rows and prints them so that they fit the screen. It is for one
// goroutine. The columns that are left out stay the same from the first Flush on,
// so that later rows stand under the heading.
type Table struct {
	screen  Screen
	to      io.Writer
	columns []Column
	rows    [][]Cell
	begun   bool
	kept    []int // numbers of the columns that are printed
	widths  []int // of all columns, as far as rows were printed
	used    []int // how wide folded cells have become
}

// gap is what stands between columns.
const gap = "  "

// Table begins a table of these columns.
func (s Screen) Table(to io.Writer, columns ...Column) *Table {
	return &Table{screen: s, to: to, columns: columns, widths: make([]int, len(columns)),
		used: make([]int, len(columns))}
}

// Row adds a row, a cell for each column; those at the end may be left out. A cell is
// a [Cell] or a value that fmt prints; what has several lines becomes one.
func (t *Table) Row(cells ...any) {
	row := make([]Cell, len(t.columns))
	for i, c := range cells {
		cell, ok := c.(Cell)
		if !ok {
			cell.Text = fmt.Sprint(c)
		}
		cell.Text = Clean(strings.ReplaceAll(cell.Text, "\n", "; "))
		row[i] = cell
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows that are not printed yet.
func (t *Table) Len() int { return len(t.rows) }

// LeftOut names the columns that the screen had no room for.
func (t *Table) LeftOut() []string {
	var names []string
	kept := 0
	for i, c := range t.columns {
		if kept < len(t.kept) && t.kept[kept] == i {
			kept++
		} else if t.begun {
			names = append(names, c.Head)
		}
	}
	return names
}

// Flush prints the rows; the first time, the heading goes before them.
func (t *Table) Flush() error {
	t.measure()
	if !t.begun {
		t.keep()
	}
	width := t.fit()
	t.handOn(width)
	var b strings.Builder
	if !t.begun {
		t.begun = true
		if head := t.heading(); head != nil {
			t.write(&b, head, width)
		}
	}
	for _, row := range t.rows {
		t.write(&b, row, width)
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.to, b.String())
	return err
}

// heading is a row of the columns' heads, nil if there are none.
func (t *Table) heading() []Cell {
	row, any := make([]Cell, len(t.columns)), false
	for i, c := range t.columns {
		row[i] = Cell{Head, c.Head}
		any = any || c.Head != ""
	}
	if !any {
		return nil
	}
	return row
}

// measure widens the columns to their widest cell.
func (t *Table) measure() {
	for i := range t.columns {
		t.widths[i] = max(t.widths[i], Width(t.columns[i].Head))
		for _, row := range t.rows {
			t.widths[i] = max(t.widths[i], Width(row[i].Text))
		}
	}
}

// least is as narrow as a column can be.
func (t *Table) least(i int) int {
	if t.columns[i].Fit == Whole {
		return t.widths[i]
	}
	return min(t.widths[i], max(2, t.columns[i].Least, Width(t.columns[i].Head)))
}

// roomy is as narrow as a column becomes for the sake of others that could go.
func (t *Table) roomy(i int) int {
	return max(t.least(i), min(t.widths[i], t.columns[i].Roomy))
}

// keep leaves out columns, by their rank, until the others can be made to fit.
func (t *Table) keep() {
	t.kept = make([]int, len(t.columns))
	for i := range t.kept {
		t.kept[i] = i
	}
	if t.screen.Width > 0 {
		t.leaveOut(rankExtra, t.roomy)
		t.leaveOut(1, t.least)
	}
}

// leaveOut leaves out columns from a rank on until the others fit.
func (t *Table) leaveOut(from int, width func(int) int) {
	for {
		total, worst := -len(gap), -1
		for k, i := range t.kept {
			total += width(i) + len(gap)
			if rank := t.columns[i].Rank; rank >= from &&
				(worst < 0 || rank >= t.columns[t.kept[worst]].Rank) {
				worst = k
			}
		}
		if total <= t.screen.Width || worst < 0 {
			return
		}
		t.kept = append(t.kept[:worst], t.kept[worst+1:]...)
	}
}

// fit gives each column its width: the widest that can give way does until all
// fit, first down to its least, then further, whatever the column wants.
func (t *Table) fit() []int {
	width := append([]int{}, t.widths...)
	if t.screen.Width == 0 {
		return width
	}
	total := -len(gap)
	for _, i := range t.kept {
		total += width[i] + len(gap)
	}
	for _, floor := range []func(int) int{t.least, func(int) int { return narrowest }} {
		for total > t.screen.Width {
			widest := -1
			for _, i := range t.kept {
				if width[i] > floor(i) && (widest < 0 || width[i] > width[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			width[widest]--
			total--
		}
	}
	return width
}

// handOn gives what folding leaves of a column's width to columns that are cut.
func (t *Table) handOn(width []int) {
	free := 0
	for _, i := range t.kept {
		if t.screen.Width == 0 || t.columns[i].Fit != Folded || width[i] == t.widths[i] {
			continue
		}
		t.used[i] = max(t.used[i], Width(t.columns[i].Head))
		for _, row := range t.rows {
			for _, line := range t.wrapped(row[i].Text, width[i]) {
				t.used[i] = max(t.used[i], Width(line))
			}
		}
		free += max(width[i]-t.used[i], 0)
	}
	for _, i := range t.kept {
		n := min(free, t.widths[i]-width[i])
		if t.columns[i].Fit != Cut || n <= 0 {
			continue
		}
		width[i] += n
		free -= n
		for _, k := range t.kept {
			if t.columns[k].Fit == Folded && width[k] < t.widths[k] {
				spare := min(max(width[k]-t.used[k], 0), n)
				width[k] -= spare
				n -= spare
			}
		}
	}
}

// wrapped are the lines of a folded cell.
func (t *Table) wrapped(text string, width int) []string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	if len(indent) > width/2 { // it would leave no room for the text
		text, indent = text[len(indent):], ""
	}
	return Wrap(text, width, indent)
}

// narrowest is how narrow a column becomes that should not have to.
const narrowest = 6

// write prints a row, in as many lines as its folded cells need.
func (t *Table) write(b *strings.Builder, row []Cell, width []int) {
	cells := make([][]string, len(t.kept))
	lines := 1
	for k, i := range t.kept {
		text := row[i].Text
		switch {
		case t.screen.Width == 0:
			cells[k] = []string{text}
		case t.columns[i].Fit == Cut:
			cells[k] = []string{cut(text, width[i])}
		default:
			cells[k] = t.wrapped(text, width[i])
		}
		lines = max(lines, len(cells[k]))
	}
	for n := range lines {
		last := -1
		for k := range cells {
			if n < len(cells[k]) && cells[k][n] != "" {
				last = k
			}
		}
		for k := 0; k <= last; k++ {
			i, text := t.kept[k], ""
			if n < len(cells[k]) {
				text = cells[k][n]
			}
			pad := strings.Repeat(" ", max(width[i]-Width(text), 0))
			painted := t.screen.Paint(row[i].Style, text)
			switch {
			case t.columns[i].Right:
				b.WriteString(pad + painted)
			case k == last:
				b.WriteString(painted)
			default:
				b.WriteString(painted + pad)
			}
			if k < last {
				b.WriteString(gap)
			}
		}
		b.WriteByte('\n')
	}
}
