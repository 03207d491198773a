package harness

import (
	"os"
	"regexp"
	"strings"
)

// DatapathVariable gives every policy the named datapath, where the policy names none: the
// same tests hold with each: `make test DATAPATH=offload`.
const DatapathVariable = "SGFW_TEST_DATAPATH"

// settingsLine is the key of the settings, with an inline mapping or a block.
var settingsLine = regexp.MustCompile(`(?m)^settings: *(\{ *)?`)

// carried is the policy with the datapath that the environment asks for.
func carried(policy string) string {
	datapath := os.Getenv(DatapathVariable)
	if datapath == "" || strings.Contains(policy, "datapath: ") {
		return policy
	}
	at := settingsLine.FindStringSubmatchIndex(policy)
	switch {
	case at == nil:
		return policy + "\nsettings: { datapath: " + datapath + " }\n"
	case at[2] >= 0:
		comma := ", "
		if strings.HasPrefix(policy[at[1]:], "}") {
			comma = " "
		}
		return policy[:at[1]] + "datapath: " + datapath + comma + policy[at[1]:]
	}
	return policy[:at[1]] + "\n  datapath: " + datapath + policy[at[1]:]
}

// Offloads reports whether policies that name no datapath get the one in which the kernel
// carries on with flows.
func Offloads() bool { return os.Getenv(DatapathVariable) == "offload" }
