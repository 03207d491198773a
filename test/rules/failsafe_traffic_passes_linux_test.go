package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestFailsafes puts a policy in force that allows nothing but one port in. What
// keeps the machine on the network passes nevertheless, whether the daemon lives
// or not, and what merely looks like it does not (X1, X2, X3).
func TestFailsafes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X3", "exempt dhcp")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	shots := failsafes(t, client, server)
	var admitted []harness.Shot
	for i, a := range harness.BothAddresses(server) {
		from, at := harness.NewInbox(t, client.Host(),
			harness.AddrPort(harness.BothAddresses(client)[i], 0)),
			harness.NewInbox(t, server.Host(), harness.AddrPort(a, harness.GateIn))
		admitted = append(admitted, harness.Passes(
			harness.Datagram(t, harness.FamilyName(a)+" of a rule in", from, at,
				harness.AddrPort(a, harness.GateIn))))
	}
	harness.VolleyEach(t, "not protected", harness.AllPass(append(admitted, shots...)))
	found := func(when string) {
		t.Helper()
		for _, dev := range []*netlab.Device{client, server} {
			for _, a := range append(harness.BothAddresses(dev.Peer()), harness.LinkLocal(t, dev.Peer())) {
				if !harness.Resolve(t, dev, a) {
					t.Errorf("%s: %s does not find %s", when, dev.Host().Name(), a)
				}
			}
		}
	}
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("udp", harness.GateIn)}, nil))
	harness.VolleyEach(t, "protected", append(admitted, shots...))
	found("protected")
	d.Kill()
	for i := range admitted {
		admitted[i] = harness.Drops(admitted[i])
	}
	harness.VolleyEach(t, "killed", append(admitted, shots...))
	found("killed")
}
