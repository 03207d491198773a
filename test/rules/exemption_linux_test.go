package rules

import (
	"strings"

	"sgfw/test/harness"
)

// exempting is a policy that allows one port in and exempts services.
func exempting(names ...string) string {
	return harness.PolicyWith([]string{harness.Allow("udp", harness.GateIn)}, nil,
		harness.InOrder, "exempt: ["+strings.Join(names, ", ")+"]")
}
