package screen

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// printed is a table of these rows on a screen.
func printed(t *testing.T, s Screen, columns []Column, rows ...[]any) (string, *Table) {
	t.Helper()
	var b strings.Builder
	table := s.Table(&b, columns...)
	for _, row := range rows {
		table.Row(row...)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String(), table
}

// TestTableGivesWay: a cell folds or is cut before a column goes, and the one of the
// highest rank goes first.
func TestTableGivesWay(t *testing.T) {
	columns := []Column{{Head: "NAME"}, {Head: "PEER", Fit: Folded, Least: 8},
		{Head: "HITS", Rank: 1, Right: true}, {Head: "ID", Rank: 2}, {Head: "TEXT", Fit: Cut, Least: 5}}
	rows := [][]any{{"web", "10.0.0.0/8 list", 7, "sg-1", "from the office"},
		{"db", "::/0", 12, "sg-2"}}
	for _, tc := range []struct {
		width   int
		want    string
		leftOut string
	}{
		{0, `NAME  PEER             HITS  ID    TEXT
web   10.0.0.0/8 list     7  sg-1  from the office
db    ::/0               12  sg-2
`, ""},
		{50, `NAME  PEER             HITS  ID    TEXT
web   10.0.0.0/8 list     7  sg-1  from the office
db    ::/0               12  sg-2
`, ""},
		{40, `NAME  PEER        HITS  ID    TEXT
web   10.0.0.0/8     7  sg-1  from the…
      list
db    ::/0          12  sg-2
`, ""},
		{30, `NAME  PEER      HITS  TEXT
web   10.0.0.      7  from th…
      0/8 list
db    ::/0        12
`, "ID"},
		{24, `NAME  PEER      TEXT
web   10.0.0.   from th…
      0/8 list
db    ::/0
`, "HITS ID"},
	} {
		got, table := printed(t, Screen{Width: tc.width}, columns, rows...)
		if got != tc.want {
			t.Errorf("at %d:\n%swant\n%s", tc.width, got, tc.want)
		}
		if left := strings.Join(table.LeftOut(), " "); left != tc.leftOut {
			t.Errorf("at %d: left out %q, want %q", tc.width, left, tc.leftOut)
		}
	}
}

// TestTableHandsOn: what folding leaves of a column goes to one that is cut.
func TestTableHandsOn(t *testing.T) {
	columns := []Column{{Head: "RULE", Fit: Folded, Least: 14}, {Head: "TEXT", Fit: Cut, Least: 14}}
	got, _ := printed(t, Screen{Width: 30}, columns,
		[]any{"web/egress/default", "SSH from the office"})
	want := "RULE         TEXT\nweb/egress/  SSH from the off…\ndefault\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTableStaysInColumns: rows that come later stand under the heading.
func TestTableStaysInColumns(t *testing.T) {
	var b strings.Builder
	table := Screen{Width: 14}.Table(&b, Column{Head: "A"}, Column{Head: "B", Rank: 1},
		Column{Head: "C", Fit: Cut})
	for _, row := range [][]any{{"aaaaa", "bbbbbb", "ccc"}, {"a", "b", "c"},
		{"aaaaaaa", "b", "cccccc"}} {
		table.Row(row...)
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	want := "A      C\naaaaa  ccc\na      c\naaaaaaa  cccc…\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestTableOfFacts: there is no heading where no column has one; what is from outside is clean, and
// colours take no room.
func TestTableOfFacts(t *testing.T) {
	got, _ := printed(t, Screen{Width: 40, Colour: true}, []Column{{}, {Fit: Folded}},
		[]any{"x\x1b]0;title\a", Cell{Bad, "one\ntwo"}}, []any{"state", Cell{Good, "fine"}})
	want := "x\\x1b]0;title\\a  \x1b[31mone; two\x1b[0m\nstate            \x1b[32mfine\x1b[0m\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTablesFit: whatever is in a table, no line is wider than the screen where each
// column may give way, and where nothing bounds it nothing is lost.
func TestTablesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z0-9日:/. ]{0,30}`)
		columns := make([]Column, rapid.IntRange(1, 9).Draw(t, "columns"))
		for i := range columns {
			columns[i] = Column{
				Head:  rapid.StringMatching(`[A-Z]{0,8}`).Draw(t, "head"),
				Rank:  rapid.IntRange(0, 4).Draw(t, "rank"),
				Fit:   Fit(rapid.IntRange(0, 2).Draw(t, "fit")),
				Least: rapid.IntRange(0, 20).Draw(t, "least"),
				Right: rapid.Bool().Draw(t, "right"),
			}
		}
		s := Screen{Width: rapid.IntRange(80, 160).Draw(t, "width")}
		var bounded, open strings.Builder
		narrow, all := s.Table(&bounded, columns...), s.Wide().Table(&open, columns...)
		var words []string
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := make([]any, len(columns))
			for i := range row {
				text := word.Draw(t, "cell")
				row[i], words = text, append(words, strings.TrimRight(text, " "))
			}
			narrow.Row(row...)
			all.Row(row...)
		}
		narrow.Flush()
		all.Flush()
		for line := range strings.Lines(bounded.String()) {
			if Width(strings.TrimSuffix(line, "\n")) > s.Width {
				t.Fatalf("wider than %d: %q", s.Width, line)
			}
		}
		for _, w := range words {
			if !strings.Contains(open.String(), w) {
				t.Fatalf("%q is not in\n%s", w, open.String())
			}
		}
	})
}

func TestAmounts(t *testing.T) {
	for n, want := range map[int64]string{0: "0s", 61: "61s", 120: "2m", 7199: "119m", 7200: "2h",
		172799: "47h", 172800: "2d", 432000: "5d", -3: "0s"} {
		if got := Seconds(n); got != want {
			t.Errorf("Seconds(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 40000: "40,000",
		-1234567: "-1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %s, want %s", n, got, want)
		}
	}
}
