package enforce

import (
	"errors"
	"strings"
	"testing"

	"sgfw/policy"
)

// TestChoosePath: what the kernel cannot is userspace where the policy leaves the choice, with
// the reason, and an error where it insists.
func TestChoosePath(t *testing.T) {
	old := errors.New("owned tables (Linux 5.12)")
	for _, c := range []struct {
		wants  policy.Datapath
		cannot error
		is     policy.Datapath // "" for an error
		why    string
	}{
		{policy.DatapathAutomatic, nil, policy.DatapathOffload, "the kernel can"},
		{policy.DatapathAutomatic, old, policy.DatapathUserspace, "owned tables (Linux 5.12)"},
		{policy.DatapathOffload, nil, policy.DatapathOffload, "the policy says so"},
		{policy.DatapathOffload, old, "", "owned tables (Linux 5.12)"},
		{policy.DatapathUserspace, nil, policy.DatapathUserspace, "the policy says so"},
		{policy.DatapathUserspace, old, policy.DatapathUserspace, "the policy says so"},
	} {
		got, err := choosePath(c.wants, c.cannot)
		if err != nil {
			got.why = err.Error()
		}
		if got.is != c.is || (err != nil) != (c.is == "") || !strings.Contains(got.why, c.why) {
			t.Errorf("%s, kernel lacks %v: %+v, %v", c.wants, c.cannot, got, err)
		}
		if c.is != "" && !got.stays(c.wants, c.cannot) {
			t.Errorf("%s, kernel lacks %v: a start anew would change it", c.wants, c.cannot)
		}
	}
	is, err := choosePath(policy.DatapathUserspace, nil)
	if err != nil || is.stays(policy.DatapathOffload, nil) || is.stays(policy.DatapathAutomatic, nil) {
		t.Errorf("%+v, %v would stay", is, err)
	}
	// Who insists on what the kernel cannot is told so before the daemon is started anew.
	if is.stays(policy.DatapathOffload, old) || !is.stays(policy.DatapathAutomatic, old) {
		t.Errorf("%+v on a kernel that lacks %v", is, old)
	}
}
