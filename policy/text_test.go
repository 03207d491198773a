package policy

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/test/parity"
)

// TestCharacters goes through all of ASCII and a little beyond (R36, R37).
func TestCharacters(t *testing.T) {
	parity.Proves(t, "R36", "R37", "text group name", "text group description",
		"text rule description", "text reference description")
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" +
		" ._-:/()#,@[]+=&;{}!$*"
	for c := range rune(0x180) {
		want := strings.ContainsRune(allowed, c)
		if bad := checkGroupName("a" + string(c) + "b"); (bad == nil) != want {
			t.Errorf("%q in a name: %v", c, bad)
		}
		if bad := checkText("description", "it", string(c), MaxDescription); (bad == nil) != want {
			t.Errorf("%q in a description: %v", c, bad)
		}
	}
	if bad := checkGroupName("a\xffb"); bad == nil {
		t.Error("broken UTF-8 passes")
	}
}

func TestLengths(t *testing.T) {
	parity.Proves(t, "R23", "R25", "R38", "text group name", "text group description",
		"text rule description", "text reference description")
	long := strings.Repeat("a", 255)
	for _, check := range []func(string) *Problem{
		checkGroupName, checkListName, checkNote,
		func(s string) *Problem { return checkName("peer", s) },
		func(s string) *Problem { return checkText("description", "it", s, MaxDescription) },
	} {
		if bad := check(long); bad != nil {
			t.Error(bad)
		}
		if bad := check(long + "a"); bad == nil || !strings.Contains(bad.Error(), "255") {
			t.Errorf("256 characters: %v", bad)
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
		"web": "", "sgx": "", "defaults": "", "my default": "", "s g-1": "",
		"": MissingParameter, "sg-1": InvalidParameterValue, "Sg-1": InvalidParameterValue,
		"default": ReservedGroup, "DEFAULT": ReservedGroup, " web": InvalidParameterValue,
		"web ": InvalidParameterValue,
	} {
		if bad := checkGroupName(name); (bad == nil) != (want == "") || bad != nil && bad.Code != want {
			t.Errorf("%q: %v, want %q", name, bad, want)
		}
	}
	for name, ok := range map[string]bool{
		"com.amazonaws.x": false, "Com.AmazonAWS": false, "com.example": true, "default": true,
		"sg-1": true} {
		if bad := checkListName(name); (bad == nil) != ok {
			t.Errorf("%q: %v", name, bad)
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
		want Code
	}{
		{nil, ""},
		{full, ""},
		{over, TagLimitExceeded},
		{map[string]string{"Name": "Zürich 'x'", "name": ""}, ""},
		{map[string]string{strings.Repeat("é", 127): strings.Repeat("é", 256)}, ""},
		{map[string]string{strings.Repeat("a", 128): ""}, MalformedTagKey},
		{map[string]string{"a": strings.Repeat("a", 257)}, InvalidParameterValue},
		{map[string]string{"": ""}, MalformedTagKey},
		{map[string]string{"aws:x": ""}, MalformedTagKey},
		{map[string]string{"AWS:x": ""}, MalformedTagKey},
		{map[string]string{"a": "\x1b[31m"}, InvalidParameterValue},
	} {
		if bad := checkTags(tt.tags); (bad == nil) != (tt.want == "") || bad != nil &&
			bad.Code != tt.want {
			t.Errorf("%v, want %q", bad, tt.want)
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
