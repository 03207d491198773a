package guest

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestFairShares: of two guests one takes all of the flow table that it can get, with open
// connections and then with SYNs and datagrams from many addresses. The other one opens
// what it is guaranteed, loses none of it and is refused nothing. A reload changes the
// guarantees (T30, T31).
func TestFairShares(t *testing.T) {
	parity.Proves(t, "T30", "T31")
	t.Parallel()
	const most, guaranteed = 64, 16 // equal parts of half
	h := harness.NewHome(t)
	text := harness.AsGuest(harness.PolicyOn("veth-app", nil, []string{
		`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}, "max_flows: 64"))
	text = strings.Replace(text, "settings:", "  - { device: veth-db, mode: guest, "+
		"security_groups: [state] }\nsettings:", 1)
	d := harness.Enforce(t, h.Fw, text)
	out := harness.AddrPort(h.OutsideIPs[0], harness.Outward)
	harness.EchoOn(t, h.Outside, out)

	var flooder []net.Conn
	for range most - guaranteed {
		c := harness.DialTCP(t, h.App, netip.AddrPort{}, out, harness.ArrivalTimeout)
		if c == nil {
			t.Fatalf("the flooding guest has %d connections", len(flooder))
		}
		t.Cleanup(func() { c.Close() })
		if flooder = append(flooder, c); !harness.Talks(c) {
			t.Fatalf("connection %d of the flooding guest is mute", len(flooder))
		}
		established(t, d, len(flooder))
	}
	if harness.Connects(t, h.App, netip.AddrPort{}, out, harness.SilenceTimeout) {
		t.Error("a guest takes what is set aside for another one")
	}

	stop := make(chan struct{})
	var flooding sync.WaitGroup
	flooding.Go(func() {
		for n := 0; n < 100_000; {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			for range 100 {
				n++
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}),
					uint16(1024+n%60000))
				to := netip.AddrPortFrom(out.Addr(), out.Port()+1)
				packet := wire.UDP(from, to, []byte("flood"))
				if n%2 == 0 {
					packet = wire.TCP(from, to, wire.SYN, 1, 0, nil)
				}
				if err := h.App.Device("eth0").Send(packet); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	var quiet []net.Conn
	for range guaranteed - 4 {
		c := harness.DialTCP(t, h.DB, netip.AddrPort{}, out, harness.ArrivalTimeout)
		if c == nil {
			t.Errorf("the other guest: connection %d does not come about", len(quiet))
			continue
		}
		t.Cleanup(func() { c.Close() })
		quiet = append(quiet, c)
	}
	for i := range 4 {
		if !harness.Exchanges(t, h.DB, "udp", netip.AddrPort{}, out, harness.ArrivalTimeout) {
			t.Errorf("the other guest: question %d is not answered", i)
		}
	}
	for i, c := range quiet {
		if !harness.Talks(c) {
			t.Errorf("the other guest: connection %d does not go on", i)
		}
	}
	close(stop)
	flooding.Wait()

	app, db := shareOf(t, d, "veth-app"), shareOf(t, d, "veth-db")
	if app.Exceeded == 0 || app.Guaranteed != guaranteed || app.Flows > most-guaranteed {
		t.Errorf("the flooding guest: %+v", app)
	}
	if db.Exceeded != 0 || db.Guaranteed != guaranteed || db.Flows != guaranteed || db.Available != 0 {
		t.Errorf("the other guest: %+v", db)
	}

	d.Reload(strings.Replace(text, "device: veth-db,", "device: veth-db, max_flows: 40,", 1))
	if db := shareOf(t, d, "veth-db"); db.Guaranteed != guaranteed {
		t.Errorf("more is guaranteed than there is: %+v", db)
	}
	for _, c := range flooder {
		c.(*net.TCPConn).SetLinger(0) // a RST, and what has ended makes room
		c.Close()
	}
	for end := time.Now().Add(30 * time.Second); db.Guaranteed < 40; {
		if db = shareOf(t, d, "veth-db"); time.Now().After(end) {
			t.Fatalf("the guarantee does not come into force: %+v", db)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// established waits until so many connections are: with offload the daemon hears of it later.
func established(t *testing.T, d *harness.Daemon, want int) {
	t.Helper()
	for end := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(50 * time.Millisecond) {
		n := 0
		for _, f := range d.Flows() {
			if f.State == "established" {
				n++
			}
		}
		if n >= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are established, want %d", n, want)
		}
	}
}

// deviceShare is what status says of a device's part of the flow table.
type deviceShare struct {
	Name       string
	Flows      int
	Guaranteed int `json:"guaranteed_flows"`
	Exceeded   int `json:"conntrack_allowance_exceeded"`
	Available  int `json:"conntrack_allowance_available"`
}

func shareOf(t *testing.T, d *harness.Daemon, device string) deviceShare {
	t.Helper()
	var doc struct {
		Interfaces []struct{ Covered []deviceShare }
	}
	d.Document(&doc, "status")
	for _, in := range doc.Interfaces {
		for _, c := range in.Covered {
			if c.Name == device {
				return c
			}
		}
	}
	t.Fatalf("status has no %s", device)
	return deviceShare{}
}
