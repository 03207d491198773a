package labtest

import "testing"

// TestAvailable skips exactly where every test on real packets does: `make
// test` asks it what to say in its last line.
func TestAvailable(t *testing.T) { RequireRoot(t) }
