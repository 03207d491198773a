package harness

import (
	"os"
	"regexp"
	"strings"
	"time"
)

// DatapathVariable gives every policy the named datapath, where the policy names none: the
// same tests hold with each: `make test DATAPATH=offload`.
const DatapathVariable = "SGFW_TEST_DATAPATH"

// ByDatapath is what holds with the datapath that the environment asks for, where that
// makes a difference. Each difference is named in docs/aws-parity.md.
func ByDatapath[T any](userspace, offload T) T {
	if Offloads() {
		return offload
	}
	return userspace
}

// CountedWithin is how long after a packet that the kernel carried the daemon has it in its
// counts and timers, at the latest, for new flows: the time between two readings and
// how late one may be. It is 0 without offload.
func CountedWithin() time.Duration { return ByDatapath(0, 2500*time.Millisecond) }

// Opened is the state of a connection whose handshake is over, before who was asked sends
// data: with offload its numbers passed unseen, unless they happened to be seen.
func Opened() string { return ByDatapath("established", "pickup|established") }

// BothEnded is the state of a connection after both sides have ended it: with offload the
// last acknowledgement passes unseen, but for the moment when the flow is judged again.
func BothEnded() string { return ByDatapath("time_wait", "last_ack|time_wait") }

// settingsLine is the key of the settings, with an inline mapping or a block.
var settingsLine = regexp.MustCompile(`(?m)^settings: *(\{ *)?`)

// carried is the policy with the datapath that the environment asks for. An empty one, which
// stands for none, stays so.
func carried(policy string) string {
	datapath := os.Getenv(DatapathVariable)
	if datapath == "" || policy == "" || strings.Contains(policy, "datapath: ") {
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

// QueueChain is the chain of our table whose first rule leads to the queues.
func QueueChain() string { return ByDatapath("verdict", "ask") }
