package tree

import "testing"

// TestPrefixes: a JSON text that ends anywhere is a problem, at a place that there is.
func TestPrefixes(t *testing.T) {
	const text = `{"a": [1, -2.5e3, "x\n\u00e9", {"b": [true, null, []], "c": {}}], "d": "é"}`
	for end := 1; end <= len(text); end++ {
		r := Reader{File: "f", Listed: func(key string) bool { return key == "a" },
			Visit: func(Part) bool { return true }}
		bad := r.Read([]byte(text[:end]))
		if (bad == nil) != (end == len(text)) {
			t.Errorf("%q: %v", text[:end], bad)
		}
		if bad != nil && (bad.Pos.Line != 1 || bad.Pos.Col < 1 || bad.Pos.Col > end+1) {
			t.Errorf("%q: %v", text[:end], bad)
		}
	}
}
