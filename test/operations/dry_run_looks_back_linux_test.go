package operations

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestDryRunLooksBack: a dry run says of connections that began and that were refused which
// would have fared otherwise, and changes nothing; without memory it says nothing of them.
func TestDryRunLooksBack(t *testing.T) {
	t.Parallel()
	type connections struct {
		Count uint64
		List  []struct {
			Interface, Direction, Protocol, Peer, Reason string
			Port                                         int
		}
	}
	type reply struct {
		Past *struct {
			Packets, Lost     uint64
			Refused, Admitted connections
		}
	}
	for name, args := range map[string][]string{"remembered": nil, "no memory": {"--past", "0"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, server.Host(),
				harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil), args...)
			var peers []netip.Addr
			harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
				peers = append(peers, near)
				harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward))
				connects := func(port int, wait time.Duration) bool {
					return harness.Connects(t, client.Host(), harness.AddrPort(near, harness.UnusedPort()),
						harness.AddrPort(far, port), wait)
				}
				if !connects(harness.Inward, harness.ArrivalTimeout) {
					t.Fatal("no connection")
				}
				if connects(harness.Inward+1, harness.SilenceTimeout/2) {
					t.Error("connected without a rule")
				}
			})
			var same, other reply
			for end := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
				same = reply{}
				d.Document(&same, "reload", "--dry-run", "-o", "json")
				if args != nil || same.Past != nil && same.Past.Packets >= 4 || time.Now().After(end) {
					break // all is remembered, or will never be
				}
			}
			d.Write(harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward+1)}, nil))
			d.Document(&other, "reload", "--dry-run", "-o", "json")
			if args != nil {
				if same.Past != nil || other.Past != nil {
					t.Errorf("without memory: %+v, %+v", same.Past, other.Past)
				}
				return
			}
			if p := same.Past; p == nil || p.Packets < 4 || p.Refused.Count+p.Admitted.Count > 0 {
				t.Errorf("under the same policy: %+v", p)
			}
			if other.Past == nil {
				t.Fatal("no past")
			}
			for _, c := range []struct {
				what   string
				of     connections
				port   int
				reason string
			}{{"refused", other.Past.Refused, harness.Inward, "no-rule"},
				{"admitted", other.Past.Admitted, harness.Inward + 1, "rule"}} {
				if len(c.of.List) != len(peers) || c.of.Count < uint64(len(peers)) {
					t.Fatalf("%s: %+v", c.what, c.of)
				}
				for _, x := range c.of.List {
					if x.Interface != "eth0" || x.Direction != "ingress" || x.Protocol != "tcp" ||
						x.Port != c.port || x.Reason != c.reason ||
						x.Peer != peers[0].String() && x.Peer != peers[1].String() {
						t.Errorf("%s: %+v", c.what, x)
					}
				}
			}
			harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), harness.Inward))
			if !harness.Connects(t, client.Host(), harness.AddrPort(peers[0], harness.UnusedPort()),
				harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout) {
				t.Error("the dry run changed what is enforced")
			}
		})
	}
}
