package ufw

import (
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestShapes: rules as people have them become the policy in the golden file, and let those
// packets through that the probes say.
func TestShapes(t *testing.T) {
	if n := converttest.Golden(t, "testdata/shapes", Import, ".rules"); n < 40 {
		t.Errorf("only %d shapes", n)
	}
}
