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
	for _, ch := range slices.Concat(AWS(), Guides()) {
		for _, c := range ch.Claims {
			if seen[c.Handle] {
				t.Errorf("%s stands twice", c.Handle)
			}
			seen[c.Handle] = true
			reasoned := c.Verdict != Same && c.Verdict != Ours
			if reasoned != (c.Why != "") {
				t.Errorf("%s is %q with the reason %q", c.Handle, c.Verdict, c.Why)
			}
			if c.Verdict == Unbuilt && !strings.HasPrefix(c.Handle, "W") {
				t.Errorf("%s is AWS's own and not built", c.Handle)
			}
			if c.Says == "" || !strings.HasSuffix(strings.TrimRight(c.Says, ")"), ".") &&
				!strings.HasSuffix(c.Says, ")") {
				t.Errorf("%s says no sentence: %q", c.Handle, c.Says)
			}
		}
	}
	for _, numbered := range []struct {
		prefix string
		last   int
	}{{"R", 51}, {"D", 11}, {"T", 33}, {"X", 7}, {"Q", 9}, {"F", 15}, {"row ", 26}, {"W", 14}} {
		for n := 1; n <= numbered.last; n++ {
			if h := fmt.Sprint(numbered.prefix, n); !seen[h] {
				t.Errorf("nothing is said about %s", h)
			}
		}
	}
}

// TestInverted: what is said to fail is a claim about what sgfw does, and the
// sample is large enough to speak for the rest.
func TestInverted(t *testing.T) {
	handles := make(map[string]bool)
	for _, i := range Inverted {
		handles[i.Handle] = true
		if c, ok := Find(i.Handle); !ok || c.Verdict >= Absent {
			t.Errorf("mutant %s inverts %s, which no test proves", i.Mutant, i.Handle)
		}
	}
	if len(handles) < 15 {
		t.Errorf("the tests of %d claims were seen to fail", len(handles))
	}
}
