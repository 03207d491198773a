package cloudformation

import (
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestShapes: templates as people write them.
func TestShapes(t *testing.T) {
	n := converttest.Golden(t, "testdata/shapes", Import, ".template", ".json")
	if n < 38 {
		t.Errorf("%d shapes", n)
	}
}
