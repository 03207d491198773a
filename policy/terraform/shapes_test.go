package terraform

import (
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestShapes: what people write for Terraform, imported, written as a policy, and asked
// about packets. Most of it the real Terraform plans too, see TestPlan.
func TestShapes(t *testing.T) {
	if n := converttest.Golden(t, "testdata/shapes", Import, ".tf", ".tf.json"); n < 30 {
		t.Errorf("%d shapes", n)
	}
}
