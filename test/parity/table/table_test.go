package main

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/test/parity/claims"
)

func read(t *testing.T, lines ...string) record {
	t.Helper()
	r, err := readRecord(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCheck: each way in which the tests can leave a claim unproven is told, and
// told with the name of what is wrong.
func TestCheck(t *testing.T) {
	chapters := []claims.Chapter{{Title: "One", Claims: []claims.Claim{
		{Handle: "R1", Verdict: claims.Same, Says: "This."},
		{Handle: "R2", Verdict: claims.Ours, Says: "That."},
		{Handle: "R3", Verdict: claims.Differs, Says: "Else.", Why: "So."},
	}}}
	const r1, r2 = "R1\tsgfw/filter\tTestA\tpass", "R2\tsgfw/test\tTestB/IPv4\tpass"
	inverted := []claims.Inversion{{Handle: "R1", Mutant: "m", Test: "filter.TestA"}}
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{r1, r2}, ""},
		{[]string{r1, r2, "R3\tsgfw/test\tTestC\tskip"}, ""},
		{[]string{r1, r2, "R2\tsgfw/test\tTestD\tskip"}, ""},
		{[]string{r1}, "R2: no test"},
		{[]string{r1, "R2\tsgfw/test\tTestB/IPv4\tskip"}, "R2: test.TestB/IPv4 was skipped"},
		{[]string{r1, r2, "R2\tsgfw/test\tTestB/IPv4\tfail"}, "R2: test.TestB/IPv4 failed"},
		{[]string{r1, r2, "R4\tsgfw/test\tTestC\tpass"}, `[test.TestC] names "R4"`},
		{[]string{"R1\tsgfw/filter\tTestOther\tpass", r2},
			"R1: the fault m is said to fail filter.TestA"},
	} {
		got := check(read(t, c.lines...), chapters, inverted)
		if c.want == "" && len(got) > 0 || c.want != "" &&
			(len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%q: said %q, want %q", c.lines, got, c.want)
		}
	}
}

// TestRecord: what is no record is no proof.
func TestRecord(t *testing.T) {
	for _, bad := range []string{"R1", "R1\tsgfw\tTestA\tmaybe", "R1\tsgfw\tTestA\tpass\tmore"} {
		if _, err := readRecord(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestDocument: the order of the record does not matter, and many subtests take
// one line.
func TestDocument(t *testing.T) {
	var lines []string
	for i := range 9 {
		lines = append(lines, fmt.Sprintf("R1\tsgfw/test\tTestMany/%d\tpass", i))
	}
	lines = append(lines, "R1\tsgfw/filter\tTestA\tpass", "R1\tsgfw/filter\tTestB/x|y\tpass")
	there := document(read(t, lines...))
	for i := range len(lines) / 2 {
		lines[i], lines[len(lines)-1-i] = lines[len(lines)-1-i], lines[i]
	}
	if back := document(read(t, lines...)); back != there {
		t.Error("the order of the record shows in the document")
	}
	for _, want := range []string{
		"`filter.TestA`<br>`filter.TestB/x\\|y`<br>`test.TestMany`, 9 cases |", "| R51 |", "| row 26 |",
		"| W14 |"} {
		if !strings.Contains(there, want) {
			t.Errorf("the document lacks %q", want)
		}
	}
}
