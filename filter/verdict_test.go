package filter

import (
	"reflect"
	"testing"
)

// TestVerdictInRegisters: what a decision returns is kept in registers. The
// compiler does so with structs of up to four fields and words (CanSSA in
// cmd/compile/internal/ssa); larger ones it stores and copies in other pieces,
// and a packet took 90 ns instead of 58.
func TestVerdictInRegisters(t *testing.T) {
	for _, v := range []any{Verdict{}, Decision{}, leaving{}, link{}} {
		if s := reflect.TypeOf(v); s.NumField() > 4 || s.Size() > 32 {
			t.Errorf("%v has %d fields and %d bytes", s, s.NumField(), s.Size())
		}
	}
}
