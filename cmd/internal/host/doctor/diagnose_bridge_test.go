package doctor

import (
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestBridgesAreNotTalkedOf: nothing is said of br_netfilter on a machine without a bridge,
// nor that frames are left alone which the view of the wire shows.
func TestBridgesAreNotTalkedOf(t *testing.T) {
	says := func(m *Machine) (out string) {
		for _, f := range Diagnose(m).Findings {
			if f.Check == "bridges" {
				out += f.Message + "\n"
			}
		}
		return out
	}
	m := healthy(t)
	m.BridgeCalls, m.Features.Bridged = []string{"net.bridge.bridge-nf-call-iptables"}, true
	if said := says(m); said != "" {
		t.Errorf("without a bridge: %s", said)
	}
	m.Filtering = []string{"docker0"}
	m.Masters = map[string]member.Master{"eth0": {Name: "docker0", Kind: "bridge"}}
	m.Policy.Interfaces[0].Device, m.Policy.Interfaces[0].Mode = "docker0", policy.ModeGuest
	if said := says(m); strings.Count(said, "\n") != 2 ||
		!strings.Contains(said, "without being judged") || !strings.Contains(said, "leave them alone") {
		t.Errorf("with the local view: %s", said)
	}
	m.Policy.Interfaces[0].View = policy.ViewWire
	if said := says(m); strings.Count(said, "\n") != 1 || !strings.Contains(said, "judged, too") {
		t.Errorf("with that of the wire: %s", said)
	}
	m.Daemon = &api.Status{Warnings: []api.Problem{{Message: strings.TrimSpace(says(m))}}}
	if said := says(m); said != "" {
		t.Errorf("what the daemon says already: %s", said)
	}
}

// carrying is the status of a daemon that uses bits 4 and 5 of marks.
func carrying() *api.Status {
	return &api.Status{Policy: api.PolicyStatus{Datapath: "offload", DatapathWhy: "the kernel can"},
		Offload: &api.OffloadStatus{Packets: 75, Bytes: 7500, Percent: 75, MarkBits: []int{5, 4}}}
}
