package operations

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestBridgeOnTheWire: where the view of the wire and br_netfilter make frames between the
// ports of a bridge judged, everybody who looks hears so, and where not nobody does.
func TestBridgeOnTheWire(t *testing.T) {
	t.Parallel()
	const judged = "frames between the ports of the bridge br0 are judged, too"
	s := harness.NewSwitch(t)
	s.SendsBridged(t, "1")
	s.Plug(t, "port2")
	only22 := []string{harness.Allow("udp", 22)}
	policy := harness.PolicyOn("br0", only22, only22)
	d := harness.Enforce(t, s.Fw, strings.Replace(policy, "device: br0",
		"device: br0\n    view: wire", 1))
	from := harness.NewInbox(t, s.One, harness.AddrPort(s.Ones[0], 0))
	to := harness.AddrPort(s.Twos[0], 80)
	across := harness.Datagram(t, "across the bridge", from, harness.NewInbox(t, s.Two, to), to)
	hears := func(when string, want bool) {
		t.Helper()
		for _, command := range [][]string{{"status"}, {"check", d.Config}, {"doctor"}} {
			said := strings.Join(strings.Fields(d.Must(t, 0, command...)), " ")
			if strings.Contains(said, judged) != want || strings.Contains(said, "alone") == want &&
				command[0] == "doctor" || want && strings.Count(said, judged) != 1 {
				t.Errorf("%s, %s:\n%s", when, command[0], said)
			}
		}
	}
	harness.VolleyEach(t, "judged", []harness.Shot{harness.Drops(across)})
	hears("the switch is on", true)

	d.Reload(policy)
	harness.VolleyEach(t, "the local view", []harness.Shot{harness.Passes(across)})
	hears("the local view", false)
}
