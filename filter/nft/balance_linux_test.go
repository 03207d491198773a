package nft

import (
	"testing"

	"sgfw/policy"
)

// TestQueueFlags: the kernel balances by CPU where the plan says so and there
// is a choice, and lets packets bypass a queue without a listener only where
// nothing else can open the machine (gone: accept without owned tables).
func TestQueueFlags(t *testing.T) {
	owned, old := features{owner: true}, features{}
	for _, c := range []struct {
		what string
		plan Plan
		have features
		want uint16
	}{
		{"hash", Plan{QueueCount: 2, Balance: policy.BalanceHash}, owned, 0},
		{"cpu", Plan{QueueCount: 2, Balance: policy.BalanceCPU}, owned, 2},
		{"cpu, one queue", Plan{QueueCount: 1, Balance: policy.BalanceCPU}, owned, 0},
		{"cpu, gone: accept", Plan{QueueCount: 2, Balance: policy.BalanceCPU, Gone: policy.FailAccept},
			owned, 2},
		{"cpu, gone: accept, no owner",
			Plan{QueueCount: 2, Balance: policy.BalanceCPU, Gone: policy.FailAccept}, old, 3},
		{"cpu, gone: drop, no owner", Plan{QueueCount: 2, Balance: policy.BalanceCPU}, old, 2},
	} {
		if got := queueFlags(c.plan, c.have); got != c.want {
			t.Errorf("%s: flags %d, want %d", c.what, got, c.want)
		}
	}
}
