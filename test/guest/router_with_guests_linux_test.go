package guest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/parity"
)

// TestRouterWithGuests runs examples/router-with-guests.yaml: groups that refer to
// each other, each guest judged for itself, between guests, with the router and
// with the world outside (D7, R27, X6).
func TestRouterWithGuests(t *testing.T) {
	parity.Proves(t, "D7", "X6")
	t.Parallel()
	h := harness.NewHome(t)
	d := harness.Enforce(t, h.Fw, harness.Example(t, "router-with-guests.yaml"))
	var attempts []harness.Attempt
	for i := range 2 {
		app, db, out, fwApp, fwDB := h.AppIPs[i], h.DBIPs[i], h.OutsideIPs[i], h.FwApp[i], h.FwDB[i]
		harness.Echoes(t, h.App, app, 22, 443, 8080)
		harness.Echoes(t, h.DB, db, 22, 443, 5432)
		harness.Echoes(t, h.Outside, out, 25, 53, 443)
		harness.Echoes(t, h.Fw, fwApp, 22, 53)
		harness.Echoes(t, h.Fw, fwDB, 53)
		try := func(want harness.Verdict, what string, from *netlab.Host, network string, src,
			dst netip.Addr, p int) {
			attempts = append(attempts, harness.Expect(want,
				harness.Exchange(t, what, from, network, src, harness.AddrPort(dst, p))))
		}
		try(harness.Pass, "the application asks its database", h.App, "tcp", app, db, 5432)
		try(harness.Drop, "over UDP, which no rule names", h.App, "udp", app, db, 5432)
		try(harness.Drop, "SSH from guest to guest", h.App, "tcp", app, db, 22)
		try(harness.Drop, "a port that the sender may reach and the receiver does not offer", h.App,
			"tcp", app, db, 443)
		try(harness.Drop, "the database asks the application", h.DB, "tcp", db, app, 443)

		try(harness.Pass, "a visitor", h.Outside, "tcp", out, app, 443)
		try(harness.Drop, "a visitor at a port that no rule names", h.Outside, "tcp", out, app, 8080)
		try(harness.Drop, "a visitor asks the database", h.Outside, "tcp", out, db, 5432)
		try(harness.Drop, "a visitor logs in", h.Outside, "tcp", out, app, 22)
		try(harness.Pass, "the application updates itself", h.App, "tcp", app, out, 443)
		try(harness.Pass, "the application asks for a name", h.App, "udp", app, out, 53)
		try(harness.Drop, "the application sends mail", h.App, "tcp", app, out, 25)
		try(harness.Drop, "the database goes out", h.DB, "tcp", db, out, 443)

		try(harness.Pass, "the router logs in", h.Fw, "tcp", fwApp, app, 22)
		try(harness.Pass, "the router logs in at the database", h.Fw, "tcp", fwDB, db, 22)
		try(harness.Drop, "the router asks the database", h.Fw, "tcp", fwDB, db, 5432)
		try(harness.Drop, "the router at a port that no rule names", h.Fw, "tcp", fwApp, app, 8080)
		try(harness.Pass, "the application asks the router for a name", h.App, "udp", app, fwApp, 53)
		try(harness.Drop, "the application logs in at the router", h.App, "tcp", app, fwApp, 22)
		try(harness.Drop, "the database asks the router for a name", h.DB, "udp", db, fwDB, 53)
		attempts = append(attempts,
			harness.Drops(harness.Ping(t, "guest to guest, which no rule permits", h.App, app, db)),
			harness.Drops(harness.Ping(t, "outside to guest, which no rule permits", h.Outside, out, app)))
		// Nothing on eth0 is managed.
		try(harness.Pass, "a visitor at the router", h.Outside, "udp", out, fwApp, 53)
	}
	harness.Run(t, attempts)

	// What the program says of it is seen from the guests, too.
	var status harness.StatusDocument
	d.Document(&status, "status")
	if got := fmt.Sprint(status.Interfaces); got != "[{veth-app [{veth-app [10.0.1.10 "+
		"2001:db8:1::10]}]} {veth-db [{veth-db [10.0.2.10 2001:db8:2::10]}]}]" {
		t.Errorf("status: %s", got)
	}
	for _, c := range []struct{ device, from, to, direction, verdict, code string }{
		{"veth-app", "10.0.1.10", "10.0.2.10:5432", "egress", "accept", ""},
		{"veth-db", "10.0.1.10", "10.0.2.10:5432", "ingress", "accept", ""},
		{"veth-db", "10.0.2.10", "203.0.113.10:443", "egress", "drop", "SG_HAS_NO_RULES"},
		{"veth-app", "203.0.113.10", "10.0.1.10:22", "ingress", "drop", "ENI_SG_RULES_MISMATCH"},
	} {
		var x struct {
			Verdict, Code string
			Query         struct{ Direction string }
		}
		d.Document(&x, "explain", "--interface", c.device, "--proto", "tcp", "--from", c.from, "--to",
			c.to)
		if x.Verdict != c.verdict || x.Code != c.code || x.Query.Direction != c.direction {
			t.Errorf("explain %s to %s at %s: %+v", c.from, c.to, c.device, x)
		}
	}
	// Without a device the addresses tell; guest to guest is judged twice, as the packets
	// above were.
	for port, verdict := range map[string]string{"5432": "accept", "22": "drop"} {
		type judgement struct {
			Verdict string
			Query   struct{ Interface, Direction string }
		}
		var x struct {
			judgement
			Next judgement
		}
		d.Document(&x, "explain", "--proto", "tcp", "--from", "10.0.1.10", "--to", "10.0.2.10:"+port)
		if x.Query.Interface != "veth-app" || x.Query.Direction != "egress" || x.Verdict != verdict ||
			x.Next.Query.Interface != "veth-db" || x.Next.Query.Direction != "ingress" ||
			x.Next.Verdict != verdict {
			t.Errorf("explain guest to guest, port %s: %+v", port, x)
		}
	}
	var spoofed struct{ Verdict, Code string }
	d.Document(&spoofed, "explain", "--interface", "veth-db", "--egress", "--proto", "tcp", "--from",
		"10.0.1.10", "--to", "203.0.113.10:443")
	if spoofed.Verdict != "drop" || spoofed.Code != "ENI_SOURCE_DEST_CHECK_RESTRICTION" {
		t.Errorf("explain of a spoofed source: %+v", spoofed)
	}
	for _, f := range d.Flows() {
		if f.Interface != "veth-app" && f.Interface != "veth-db" {
			t.Errorf("a flow of %q", f.Interface)
		}
	}
	d.Reload(strings.Replace(harness.Example(t, "router-with-guests.yaml"), "addresses: [10.0.1.10,",
		"addresses: [10.0.1.1,", 1))
	// What the daemon writes comes through a pipe.
	for deadline := time.Now().Add(harness.ArrivalTimeout); !strings.Contains(d.Log.String(),
		"10.0.1.1 is this machine's own address on veth-app"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is said of a guest that has the router's address")
		}
	}
}
