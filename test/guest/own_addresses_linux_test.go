package guest

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// ownPolicy: the application may send anything and offers port 4000; the database offers
// it to the application alone. ADDRESSES are those of the application.
const ownPolicy = `version: 1
security_groups:
  - name: app
    description: The application
    ingress: [{ protocol: udp, ports: 4000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
    egress: [{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - name: db
    description: The database
    ingress: [{ protocol: udp, ports: 4000, security_groups: [app] }]
    egress: []
interfaces:
  - { device: veth-app, mode: guest, security_groups: [app], addresses: [ADDRESSES] }
  - device: veth-db
    mode: guest
    security_groups: [db]
    addresses: [10.0.2.10, "2001:db8:2::10"]
settings: { queues: { count: 1 } }
`

// TestOwnAddresses: all addresses of a prefix that is delegated to a guest are its own and
// members of its groups; between it and the router so are its link-local ones, any where
// none is listed; and the broadcast of its own network is nobody's. Rules decide all the
// same (D9, R31).
func TestOwnAddresses(t *testing.T) {
	parity.Proves(t, "D9")
	t.Parallel()
	h := harness.NewHome(t)
	with := func(addresses string) string {
		return strings.Replace(ownPolicy, "ADDRESSES", addresses, 1)
	}
	prefixes := `10.0.1.10, 10.0.1.96/28, "2001:db8:1::10", "2001:db8:1::90/124"`
	d := harness.Enforce(t, h.Fw, with(prefixes))
	app, fw := h.App.Device("eth0"), h.Fw.Device("veth-app")

	var shots []harness.Shot
	send := func(want harness.Verdict, what string, from *harness.Inbox, at *harness.Inbox,
		to string) {
		shots = append(shots, harness.Expect(want, harness.Datagram(t, what, from, at,
			harness.ParseAddrPort(to))))
	}
	at := func(host *netlab.Host, to string) *harness.Inbox {
		return harness.NewInbox(t, host, harness.ParseAddrPort(to))
	}
	for i, second := range []string{"10.0.1.99", "[2001:db8:1::99]"} {
		out, db := []string{"203.0.113.10", "[2001:db8:3::10]"}[i], []string{"10.0.2.10",
			"[2001:db8:2::10]"}[i]
		inside, outside := at(h.App, second+":4000"), at(h.Outside, out+":4000")
		send(harness.Pass, "out from an address of the prefix, "+out, inside, outside, out+":4000")
		send(harness.Pass, "to a group that knows the prefix, "+db, inside, at(h.DB, db+":4000"),
			db+":4000")
		send(harness.Pass, "in to an address of the prefix, "+second, outside, inside, second+":4000")
		send(harness.Drop, "to a port that no rule names, "+second, outside, at(h.App, second+":4001"),
			second+":4001")
		raw := harness.NewRawInbox(t, h.Outside, wire.ProtoUDP, h.OutsideIPs[i])
		for _, beside := range [][]string{{"10.0.1.95", "10.0.1.112"},
			{"2001:db8:1::8f", "2001:db8:1::a0"}}[i] {
			from := harness.AddrPort(harness.IP(beside), 4000)
			forge := func(b []byte) []byte {
				return wire.UDP(from, harness.AddrPort(h.OutsideIPs[i], 4001), b)
			}
			shots = append(shots, harness.Drops(harness.Raw(t, "from beside the prefix, "+beside,
				app, raw, forge)))
		}
	}
	all := at(h.App, "10.0.1.255:4000")
	router := harness.NewInbox(t, h.Fw, harness.AddrPort(h.FwApp[0], 0))
	send(harness.Pass, "to all of the guest's network", router, all, "10.0.1.255:4000")
	send(harness.Drop, "the same at a port that no rule names", router, at(h.App, "10.0.1.255:4001"),
		"10.0.1.255:4001")
	send(harness.Drop, "to all of another guest's network, which no rule permits", router,
		at(h.DB, "10.0.2.255:4000"), "10.0.2.255:4000")
	harness.VolleyEach(t, "prefixes", shots)

	// Link-local, between the guest and its router.
	near, far := harness.LinkLocal(t, app), harness.LinkLocal(t, fw)
	harness.Echoes(t, h.Fw, far, 53)
	harness.Echoes(t, h.App, near, 4000, 4001)
	onLink := func(own harness.Verdict) []harness.Attempt {
		return []harness.Attempt{
			harness.Expect(own, harness.Exchange(t, "a name", h.App, "udp", near,
				harness.AddrPort(far.WithZone("eth0"), 53))),
			harness.Expect(own, harness.Exchange(t, "a name by TCP", h.App, "tcp", near,
				harness.AddrPort(far.WithZone("eth0"), 53))),
			harness.Expect(own, harness.Ping(t, "the router", h.App, near, far.WithZone("eth0"))),
			harness.Expect(own, harness.Exchange(t, "the guest", h.Fw, "udp", far,
				harness.AddrPort(near.WithZone("veth-app"), 4000))),
			harness.Drops(harness.Exchange(t, "the guest at a port that no rule names", h.Fw, "udp", far,
				harness.AddrPort(near.WithZone("veth-app"), 4001))),
		}
	}
	harness.Run(t, onLink(harness.Pass))
	d.Reload(with(prefixes + `, "` + near.WithZone("").String() + `"`))
	harness.Run(t, onLink(harness.Pass))
	d.Reload(with(prefixes + `, "fe80::bad"`))
	harness.Run(t, onLink(harness.Drop))
}
