package rules

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// guests attaches groups to the two guests of a household; "" stands for none, and
// "-" leaves the guest to itself.
func guests(app, db, more string) string {
	policy := "version: 1\n" + more + "interfaces:\n"
	for _, g := range []struct{ entry, groups string }{
		{`device: veth-app, mode: guest, addresses: [10.0.1.10, "2001:db8:1::10"]`, app},
		{`device: veth-db, mode: guest, addresses: [10.0.2.10, "2001:db8:2::10"]`, db},
	} {
		switch g.groups {
		case "-":
		case "":
			policy += "  - { " + g.entry + " }\n"
		default:
			policy += "  - { " + g.entry + ", security_groups: [" + g.groups + "] }\n"
		}
	}
	return policy
}

// TestDefaultGroup leads two guests of one router through everything that an
// interface can have: no groups, which is the default group with the rules that
// AWS creates; that group with other rules; a group without rules; nothing at all.
func TestDefaultGroup(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	d := harness.Enforce(t, h.Fw, guests("", "", ""))
	for i := range 2 {
		harness.Echoes(t, h.App, h.AppIPs[i], 443, 7000)
		harness.Echoes(t, h.DB, h.DBIPs[i], 443, 7000)
		harness.Echoes(t, h.Outside, h.OutsideIPs[i], 443, 7000)
	}
	// ways are the ways between the guests and the world; the others are closed.
	type ways struct{ appToDB, dbToApp, appOut, dbOut, outToApp, outToDB bool }
	expect := func(t *testing.T, w ways) {
		t.Helper()
		var attempts []harness.Attempt
		for i := range 2 {
			app, db, out := h.AppIPs[i], h.DBIPs[i], h.OutsideIPs[i]
			attempts = append(attempts,
				harness.Expect(harness.PassIf(w.appToDB),
					harness.Exchange(t, "from guest to guest", h.App, "tcp", app, harness.AddrPort(db, 7000))),
				harness.Expect(harness.PassIf(w.appToDB),
					harness.Exchange(t, "from guest to guest", h.App, "udp", app, harness.AddrPort(db, 7000))),
				harness.Expect(harness.PassIf(w.appToDB),
					harness.Ping(t, "from guest to guest", h.App, app, db)),
				harness.Expect(harness.PassIf(w.dbToApp),
					harness.Exchange(t, "the other way", h.DB, "tcp", db, harness.AddrPort(app, 7000))),
				harness.Expect(harness.PassIf(w.dbToApp), harness.Ping(t, "the other way", h.DB, db, app)),
				harness.Expect(harness.PassIf(w.appOut),
					harness.Exchange(t, "from the application", h.App, "tcp", app, harness.AddrPort(out, 443))),
				harness.Expect(harness.PassIf(w.appOut),
					harness.Exchange(t, "from the application", h.App, "udp", app, harness.AddrPort(out, 7000))),
				harness.Expect(harness.PassIf(w.appOut),
					harness.Ping(t, "from the application", h.App, app, out)),
				harness.Expect(harness.PassIf(w.dbOut),
					harness.Exchange(t, "from the database", h.DB, "tcp", db, harness.AddrPort(out, 443))),
				harness.Expect(harness.PassIf(w.outToApp),
					harness.Exchange(t, "from outside", h.Outside, "tcp", out, harness.AddrPort(app, 443))),
				harness.Expect(harness.PassIf(w.outToDB),
					harness.Exchange(t, "from outside", h.Outside, "tcp", out, harness.AddrPort(db, 443))))
		}
		harness.Run(t, attempts)
	}

	t.Run("as AWS creates it", func(t *testing.T) {
		parity.Proves(t, "D1", "D2", "D11")
		expect(t, ways{appToDB: true, dbToApp: true, appOut: true, dbOut: true})
	})
	t.Run("by its name", func(t *testing.T) {
		parity.Proves(t, "D2")
		d.Reload(guests("default", "", ""))
		expect(t, ways{appToDB: true, dbToApp: true, appOut: true, dbOut: true})
	})
	t.Run("one of two members", func(t *testing.T) {
		parity.Proves(t, "D2", "R28")
		d.Reload(guests("other", "",
			"security_groups: [{ name: other, description: Lets nothing in }]\n"))
		expect(t, ways{dbOut: true, appOut: true})
	})
	t.Run("named by a rule of another group", func(t *testing.T) {
		parity.Proves(t, "D2", "R27")
		d.Reload(guests("other", "", `security_groups:
  - { name: other, description: Lets members of default in, ingress: [{ protocol: "-1",
        security_groups: [default] }] }
`))
		expect(t, ways{dbToApp: true, dbOut: true, appOut: true})
	})

	const edited = `default_security_group:
  ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [203.0.113.0/24],
        ipv6_cidr_blocks: ["2001:db8:3::/64"] }]
  egress: []
`
	t.Run("with other rules", func(t *testing.T) {
		parity.Proves(t, "R48", "D3")
		d.Reload(guests("", "", edited))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 22: it cannot be deleted", func(t *testing.T) {
		parity.Proves(t, "R48", "row 22")
		d.TurnsDown(t, "CannotDelete", guests("", "", "default_security_group: []\n"))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 21: it cannot be defined", func(t *testing.T) {
		parity.Proves(t, "R35", "row 21")
		d.TurnsDown(t, "InvalidGroup.Reserved",
			guests("", "", "security_groups: [{ name: default, description: x }]\n"))
		d.TurnsDown(t, "InvalidParameterValue",
			guests("sg-x", "", "security_groups: [{ name: sg-x, description: x }]\n"))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 23: no interface without groups", func(t *testing.T) {
		parity.Proves(t, "R49", "row 23")
		none := strings.Replace(guests("x", "", edited), "[x]", "[]", 1)
		d.TurnsDown(t, "MissingParameter", none)
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("half of its rules", func(t *testing.T) {
		parity.Proves(t, "R48", "D1")
		d.Reload(guests("", "", "default_security_group: { ingress: [] }\n"))
		expect(t, ways{appOut: true, dbOut: true})
	})
	t.Run("locked, and the default group", func(t *testing.T) {
		parity.Proves(t, "D3", "D11")
		d.Reload(guests("locked", "", "security_groups: [{ name: locked, description: Nothing, "+
			"ingress: [], egress: [] }]\n"))
		expect(t, ways{dbOut: true})
	})
	t.Run("unmanaged, and the default group", func(t *testing.T) {
		parity.Proves(t, "D11")
		d.Reload(guests("-", "", ""))
		expect(t, ways{dbToApp: true, appOut: true, dbOut: true, outToApp: true})
	})
}
