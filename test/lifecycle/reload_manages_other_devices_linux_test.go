package lifecycle

import (
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestReloadManagesOtherDevices takes a device out of the policy and puts it in
// again: its flows go on, and from the answer on it is open or filtered. While
// one entry takes it over from another, it is never open.
func TestReloadManagesOtherDevices(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	var pumps []*harness.EchoExchange
	for _, a := range harness.BothAddresses(server) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateEcho))
	}
	other := harness.GateOn([]string{"other0"})
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	for _, a := range harness.BothAddresses(server) {
		pumps = append(pumps, harness.StartEchoExchange(t, client.Host(),
			harness.AddrPort(a, harness.GateEcho), 100*time.Microsecond))
	}
	for range 5 {
		g.Expect(t, "managed", harness.Filtered)
		lift := g.KeepTrying(t)
		for range 5 {
			d.ReloadNow(harness.GateOn([]string{"eth*"}))
			d.ReloadNow(harness.GateOn([]string{"other0", "eth0"}))
		}
		g.Expect(t, "managed by other entries", harness.Filtered)
		lift()
		d.ReloadNow(other)
		g.Expect(t, "not managed", harness.Open)
		d.ReloadNow(harness.GatePolicy())
	}
	for _, p := range pumps {
		p.Finish()
	}
}
