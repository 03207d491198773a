package claims

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestEveryHandle: the table has each handle of the reference once, and a reason
// wherever sgfw is not as AWS.
func TestEveryHandle(t *testing.T) {
	seen := make(map[string]bool)
	for _, ch := range slices.Concat(AWS(), Seeds()) {
		for _, c := range ch.Claims {
			if seen[c.Handle] {
				t.Errorf("%s stands twice", c.Handle)
			}
			seen[c.Handle] = true
			reasoned := c.Verdict != Same && c.Verdict != Ours
			if reasoned != (c.Why != "") {
				t.Errorf("%s is %q with the reason %q", c.Handle, c.Verdict, c.Why)
			}
			if c.Says == "" || !strings.HasSuffix(strings.TrimRight(c.Says, ")"), ".") && !strings.HasSuffix(c.Says, ")") {
				t.Errorf("%s says no sentence: %q", c.Handle, c.Says)
			}
		}
	}
	for _, numbered := range []struct {
		prefix string
		last   int
	}{{"R", 51}, {"D", 11}, {"T", 33}, {"X", 7}, {"Q", 9}, {"row ", 26}} {
		for n := 1; n <= numbered.last; n++ {
			if h := fmt.Sprint(numbered.prefix, n); !seen[h] {
				t.Errorf("nothing is said about %s", h)
			}
		}
	}
}

// TestInverted: what is said to fail is a claim that a test proves.
func TestInverted(t *testing.T) {
	for _, i := range Inverted {
		if c, ok := Find(i.Handle); !ok || !c.Verdict.Proven() {
			t.Errorf("mutant %s inverts %s, which no test has to prove", i.Mutant, i.Handle)
		}
	}
}
