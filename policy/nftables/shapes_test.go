package nftables

import (
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestShapes: rules as people have them become the policy in the golden file, and let those
// packets through that the probes say.
func TestShapes(t *testing.T) {
	if n := converttest.Golden(t, "testdata/shapes", Import, ".json"); n < 45 {
		t.Errorf("only %d shapes", n)
	}
}
