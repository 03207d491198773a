package enforce

import (
	"fmt"

	"sgfw/policy"
)

// path is the datapath that is in force, and why it is that one.
type path struct {
	is  policy.Datapath
	why string
}

// choosePath is the datapath for a policy that wants one, on a kernel that cannot carry on with
// flows for a reason, or can. It fails where the policy insists on what the kernel cannot.
func choosePath(wants policy.Datapath, cannot error) (path, error) {
	switch {
	case wants == policy.DatapathUserspace:
		return path{policy.DatapathUserspace, "the policy says so"}, nil
	case cannot == nil && wants == policy.DatapathOffload:
		return path{policy.DatapathOffload, "the policy says so"}, nil
	case cannot == nil:
		return path{policy.DatapathOffload, "the kernel can"}, nil
	case wants == policy.DatapathOffload:
		return path{}, fmt.Errorf("datapath: offload needs what this kernel lacks: %w "+
			"(hint: datapath: automatic takes userspace then)", cannot)
	}
	return path{policy.DatapathUserspace, "this kernel lacks " + cannot.Error()}, nil
}

// stays reports whether a start anew would give a policy the datapath that is in force.
func (p path) stays(wants policy.Datapath, cannot error) bool {
	next, err := choosePath(wants, cannot)
	return err == nil && next.is == p.is
}
