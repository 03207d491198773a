package policy

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"sgfw/test/parity"
)

// TestCharacters goes through all of ASCII and a little beyond (R36, R37). What AWS does
// not take is a notice, which says so; what cannot be printed is an error.
func TestCharacters(t *testing.T) {
	parity.Proves(t, "R36", "R37", "text group name", "text group description",
		"text rule description", "text reference description")
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" +
		" ._-:/()#,@[]+=&;{}!$*"
	for c := range rune(0x180) {
		for what, bad := range map[string]*Problem{
			"a name":        checkGroupName("a" + string(c) + "b"),
			"a description": checkDescription(string(c)),
		} {
			want := "taken"
			switch {
			case strings.ContainsRune(allowed, c):
			case unicode.IsPrint(c):
				want = "AWS"
			default:
				want = "error"
			}
			if got := verdict(bad); got != want {
				t.Errorf("%q in %s: %s, want %s", c, what, got, want)
			}
		}
	}
	if bad := checkGroupName("a\xffb"); bad == nil {
		t.Error("broken UTF-8 passes")
	}
}

// verdict is what a check means for the policy.
func verdict(bad *Problem) string {
	switch {
	case bad == nil:
		return "taken"
	case bad.AWS && bad.Severity == SeverityNotice:
		return "AWS"
	case !bad.AWS && bad.Severity == SeverityError:
		return "error"
	}
	return fmt.Sprintf("%+v", *bad)
}

func TestLengths(t *testing.T) {
	parity.Proves(t, "R23", "R25", "R38", "text group name", "text group description",
		"text rule description", "text reference description")
	long := strings.Repeat("a", 255)
	for _, check := range []func(string) *Problem{
		checkGroupName, checkListName, checkNote,
		func(s string) *Problem { return checkName("peer", s) }, checkDescription,
	} {
		if bad := check(long); bad != nil {
			t.Error(bad)
		}
		if bad := check(long + "a"); bad == nil || !strings.Contains(bad.Error(), "255") {
			t.Errorf("256 characters: %v", bad)
		}
	}
	for _, check := range []func(string) *Problem{checkNote, checkDescription} {
		for n, want := range map[int]string{255: "taken", 256: "AWS", 1024: "AWS", 1025: "error"} {
			if got := verdict(check(strings.Repeat("a", n))); got != want {
				t.Errorf("%d characters: %s, want %s", n, got, want)
			}
		}
	}
	// R38: code points, not bytes, where there is more than ASCII.
	if bad := checkNote(strings.Repeat("é", 255)); bad != nil {
		t.Error(bad)
	}
}

func TestNames(t *testing.T) {
	parity.Proves(t, "R25", "R35", "text group name")
	for name, want := range map[string]Code{
		"web": "", "sgx": "", "defaults": "", "my default": "", "s g-1": "", " web": "",
		"": MissingParameter, "sg-1": InvalidParameterValue, "Sg-1": InvalidParameterValue,
		"default": ReservedGroup, "DEFAULT": ReservedGroup, "web ": InvalidParameterValue,
		"  ": MissingParameter,
	} {
		if bad := checkGroupName(name); (bad == nil) != (want == "") || bad != nil && bad.Code != want {
			t.Errorf("%q: %v, want %q", name, bad, want)
		}
	}
	for name, want := range map[string]string{
		"com.amazonaws.x": "AWS", "Com.AmazonAWS": "AWS", "com.example": "taken", "default": "taken",
		"sg-1": "taken", " the boss's Büro <100%> ": "taken", "": "error", " ": "error",
		"a\tb": "error"} {
		if got := verdict(checkListName(name)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestTags(t *testing.T) {
	parity.Proves(t, "R35", "text tag")
	full := make(map[string]string)
	for i := range 50 {
		full[fmt.Sprint(i)] = ""
	}
	over := map[string]string{"x": ""}
	for k := range full {
		over[k] = ""
	}
	for _, tt := range []struct {
		tags map[string]string
		want string
	}{
		{nil, ""},
		{full, ""},
		{over, "AWS TagLimitExceeded"},
		{map[string]string{"Name": "Zürich 'x'", "name": ""}, ""},
		{map[string]string{strings.Repeat("é", 127): strings.Repeat("é", 256)}, ""},
		{map[string]string{strings.Repeat("a", 128): ""}, "AWS InvalidTagKey.Malformed"},
		{map[string]string{"a": strings.Repeat("a", 257)}, "AWS InvalidParameterValue"},
		{map[string]string{"a": strings.Repeat("a", 1025)}, "error InvalidParameterValue, " +
			"AWS InvalidParameterValue"},
		{map[string]string{"": ""}, "error InvalidTagKey.Malformed"},
		{map[string]string{"aws:x": ""}, "AWS InvalidTagKey.Malformed"},
		{map[string]string{"AWS:x": ""}, "AWS InvalidTagKey.Malformed"},
		{map[string]string{"a": "\x1b[31m"}, "error InvalidParameterValue"},
		// All mistakes, not the first.
		{map[string]string{"": "", "aws:x": "", "b": "\n"}, "error InvalidTagKey.Malformed, " +
			"AWS InvalidTagKey.Malformed, error InvalidParameterValue"},
	} {
		var got []string
		checkTags(tt.tags, func(bad *Problem) {
			if bad != nil {
				got = append(got, verdict(bad)+" "+string(bad.Code))
			}
		})
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.tags, got, tt.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	keys := []string{"protocol", "ports", "from_port", "to_port", "self", "egress"}
	for s, want := range map[string]string{
		"protcol": "protocol", "Protocol": "protocol", "porotcol": "protocol", "port": "ports",
		"fromport": "from_port", "slef": "self",
		"egres": "egress", "x": "", "": "", "ab": "", "nothing": "", "prtcl": "",
		strings.Repeat("protocol", 10): "",
	} {
		if got := Suggest(s, keys); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", s, got, want)
		}
	}
}

// naiveEdits is edits by its definition.
func naiveEdits(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	if a[0] == b[0] {
		return naiveEdits(a[1:], b[1:])
	}
	n := 1 + min(naiveEdits(a[1:], b), naiveEdits(a, b[1:]), naiveEdits(a[1:], b[1:]))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		n = min(n, 1+naiveEdits(a[2:], b[2:]))
	}
	return n
}

func TestEdits(t *testing.T) {
	words := []string{""}
	for i := 0; len(words) < 121; i++ {
		for _, c := range "abc" {
			words = append(words, words[i]+string(c))
		}
	}
	for _, a := range words {
		for _, b := range words {
			if got, want := edits(a, b), naiveEdits(a, b); got != want {
				t.Fatalf("edits(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}
