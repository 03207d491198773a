package lifecycle

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestKilledStaysClosed is on_failure: { gone: drop }, the default: after kill -9
// nothing passes but the failsafes, and the next daemon takes over at once.
func TestKilledStaysClosed(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	for _, a := range harness.BothAddresses(server) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateEcho))
	}
	static := netlink.Neigh{
		LinkIndex: server.Index(), Family: netlink.FAMILY_V4, State: netlink.NUD_PERMANENT,
		IP: harness.IP("192.0.2.77").AsSlice(), HardwareAddr: client.MAC(),
	}
	if err := server.Host().Netlink().NeighSet(&static); err != nil {
		t.Fatal(err)
	}
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "enforced", harness.Filtered)
	var sessions []harness.Session
	for _, a := range harness.BothAddresses(server) {
		c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, harness.AddrPort(a, harness.GateEcho),
			harness.ArrivalTimeout)
		if c == nil || !harness.Talks(c) {
			t.Fatalf("no session with %s", a)
		}
		t.Cleanup(func() { c.Close() })
		sessions = append(sessions, harness.SessionOf("TCP "+a.String(), c))
	}
	lift := g.KeepTrying(t)
	for range 2 {
		d.Kill()
		if q := harness.Queues(t, server.Host()); len(q) != 0 {
			t.Errorf("queues of a dead daemon: %v", q)
		}
		if !ours(harness.Ruleset(t, server.Host())) {
			t.Error("the table went with the daemon")
		}
		g.Expect(t, "killed", harness.Shut)
		// Each side finds the other: solicitations and answers pass both hooks (X3).
		for _, dev := range []*netlab.Device{client, server} {
			for _, a := range harness.BothAddresses(dev.Peer()) {
				if !harness.Resolve(t, dev, a) {
					t.Errorf("killed: %s does not find %s", dev.Host().Name(), a)
				}
			}
		}
		if n, ok := harness.LookupNeighbour(t, server, harness.IP("192.0.2.77")); !ok ||
			n.State != netlink.NUD_PERMANENT || n.HardwareAddr.String() != client.MAC().String() {
			t.Errorf("the static ARP entry is %v", n)
		}

		d.Start()
		g.Expect(t, "started again", harness.Filtered)
		for _, s := range sessions {
			// The rules allow what it sends, so the new daemon picks it up (T22).
			if !s.Alive() {
				t.Errorf("%s: did not outlive the daemon", s.What)
			}
		}
	}
	lift()
	d.Kill()
	says := func(code int, command string, words ...string) {
		t.Helper()
		out := strings.Join(strings.Fields(d.Must(t, code, strings.Fields(command)...)), " ")
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", command, w, out)
			}
		}
	}
	// Whatever is asked, a daemon that is dead is told with what it left.
	for _, command := range []string{"status", "flows", "reload"} {
		says(4, command, "no sgfw daemon is running",
			"the machine is closed: table inet sgfw is still there, and drops what goes in or out through "+
				"eth0, but failsafes", "sgfw run enforces again, sgfw cleanup opens it")
	}
	says(4, "status -o json", `"kind": "no-daemon"`, `"state": "closed"`, `"devices": [ "eth0" ]`)
	// Elsewhere nothing is closed, which says nothing of here.
	stray := harness.Prepare(t, client.Host(), harness.Closed)
	stray.Socket = d.Socket
	for command, code := range map[string]int{"status": 4, "cleanup": 0} {
		said := strings.Join(strings.Fields(stray.Must(t, code, command)), " ")
		if !strings.Contains(said, "in this network namespace") {
			t.Errorf("%s from elsewhere:\n%s", command, said)
		}
	}
	g.Expect(t, "after a cleanup elsewhere", harness.Shut)
	says(0, "cleanup", "removed table inet sgfw", "the machine was closed: eth0; now it is open")
	g.Expect(t, "cleaned up", harness.Open)
	says(4, "status", "nothing is filtered in this network namespace: no table of sgfw is there")
	says(0, "cleanup -o json", `"removed": []`, `"state": "nothing"`)
}
