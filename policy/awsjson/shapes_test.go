package awsjson

import (
	"testing"

	"sgfw/policy/convert/converttest"
)

// TestShapes: groups as people have them, each as the AWS CLI prints it, become the policy
// in the golden file, and let those packets through that the probes say.
func TestShapes(t *testing.T) {
	if n := converttest.Golden(t, "testdata/shapes", Import, ".json", ".yml"); n < 30 {
		t.Errorf("only %d shapes", n)
	}
}
