package harness

import (
	"os"
	"regexp"
	"strings"
)

// ViewVariable gives every interface of every policy the named view, where the policy
// names none. Where nothing rewrites addresses the view makes no difference, so the same
// tests hold with "wire": `make test VIEW=wire`.
const ViewVariable = "SGFW_TEST_VIEW"

// deviceLine is a line that begins an interface.
var deviceLine = regexp.MustCompile(`(?m)^( *)- device: .*$`)

// viewed is the policy with the view that the environment asks for.
func viewed(policy string) string {
	view := os.Getenv(ViewVariable)
	if view == "" || strings.Contains(policy, "view: ") {
		return policy
	}
	return deviceLine.ReplaceAllString(policy, "$0\n$1  view: "+view)
}
