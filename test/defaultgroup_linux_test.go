package test

import (
	"net/http"
	"strings"
	"testing"

	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// turnsDown asks a daemon to put a policy in force that it must refuse with AWS's
// code; what it enforces must be what it enforced before.
func (d *daemon) turnsDown(t *testing.T, code, policy string) {
	t.Helper()
	d.write(policy)
	d.must(t, 3, "reload")
	if status, reply := d.answer("/v1/reload", `{}`); status != http.StatusUnprocessableEntity || !strings.Contains(reply, `"code":"`+code+`"`) {
		t.Errorf("status %d, want %d and the code %s:\n%s", status, http.StatusUnprocessableEntity, code, reply)
	}
}

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
	h := newHome(t)
	d := enforce(t, h.fw, guests("", "", ""))
	for i := range 2 {
		echoes(t, h.app, h.appIPs[i], 443, 7000)
		echoes(t, h.db, h.dbIPs[i], 443, 7000)
		echoes(t, h.outside, h.outsideIPs[i], 443, 7000)
	}
	// ways are the ways between the guests and the world; the others are closed.
	type ways struct{ appToDB, dbToApp, appOut, dbOut, outToApp, outToDB bool }
	expect := func(t *testing.T, w ways) {
		t.Helper()
		var attempts []attempt
		for i := range 2 {
			app, db, out := h.appIPs[i], h.dbIPs[i], h.outsideIPs[i]
			attempts = append(attempts,
				exchange(t, "from guest to guest", h.app, "tcp", app, port(db, 7000), w.appToDB),
				exchange(t, "from guest to guest", h.app, "udp", app, port(db, 7000), w.appToDB),
				ping(t, "from guest to guest", h.app, app, db, w.appToDB),
				exchange(t, "the other way", h.db, "tcp", db, port(app, 7000), w.dbToApp),
				ping(t, "the other way", h.db, db, app, w.dbToApp),
				exchange(t, "from the application", h.app, "tcp", app, port(out, 443), w.appOut),
				exchange(t, "from the application", h.app, "udp", app, port(out, 7000), w.appOut),
				ping(t, "from the application", h.app, app, out, w.appOut),
				exchange(t, "from the database", h.db, "tcp", db, port(out, 443), w.dbOut),
				exchange(t, "from outside", h.outside, "tcp", out, port(app, 443), w.outToApp),
				exchange(t, "from outside", h.outside, "tcp", out, port(db, 443), w.outToDB))
		}
		run(t, attempts)
	}

	t.Run("as AWS creates it", func(t *testing.T) {
		parity.Proves(t, "D1", "D2", "D11")
		expect(t, ways{appToDB: true, dbToApp: true, appOut: true, dbOut: true})
	})
	t.Run("by its name", func(t *testing.T) {
		parity.Proves(t, "D2")
		d.reload(guests("default", "", ""))
		expect(t, ways{appToDB: true, dbToApp: true, appOut: true, dbOut: true})
	})
	t.Run("one of two members", func(t *testing.T) {
		parity.Proves(t, "D2", "R28")
		d.reload(guests("other", "", "security_groups: [{ name: other, description: Lets nothing in }]\n"))
		expect(t, ways{dbOut: true, appOut: true})
	})
	t.Run("named by a rule of another group", func(t *testing.T) {
		parity.Proves(t, "D2", "R27")
		d.reload(guests("other", "", `security_groups:
  - { name: other, description: Lets members of default in, ingress: [{ protocol: "-1", security_groups: [default] }] }
`))
		expect(t, ways{dbToApp: true, dbOut: true, appOut: true})
	})

	const edited = `default_security_group:
  ingress: [{ protocol: tcp, ports: 443, cidr_blocks: [203.0.113.0/24], ipv6_cidr_blocks: ["2001:db8:3::/64"] }]
  egress: []
`
	t.Run("with other rules", func(t *testing.T) {
		parity.Proves(t, "R48", "D3")
		d.reload(guests("", "", edited))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 22: it cannot be deleted", func(t *testing.T) {
		parity.Proves(t, "R48", "row 22")
		d.turnsDown(t, "CannotDelete", guests("", "", "default_security_group: []\n"))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 21: it cannot be defined", func(t *testing.T) {
		parity.Proves(t, "R35", "row 21")
		d.turnsDown(t, "InvalidGroup.Reserved", guests("", "", "security_groups: [{ name: default, description: x }]\n"))
		d.turnsDown(t, "InvalidParameterValue", guests("sg-x", "", "security_groups: [{ name: sg-x, description: x }]\n"))
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("row 23: no interface without groups", func(t *testing.T) {
		parity.Proves(t, "R49", "row 23")
		none := strings.Replace(guests("x", "", edited), "[x]", "[]", 1)
		d.turnsDown(t, "MissingParameter", none)
		expect(t, ways{outToApp: true, outToDB: true})
	})
	t.Run("half of its rules", func(t *testing.T) {
		parity.Proves(t, "R48", "D1")
		d.reload(guests("", "", "default_security_group: { ingress: [] }\n"))
		expect(t, ways{appOut: true, dbOut: true})
	})
	t.Run("locked, and the default group", func(t *testing.T) {
		parity.Proves(t, "D3", "D11")
		d.reload(guests("locked", "", "security_groups: [{ name: locked, description: Nothing, ingress: [], egress: [] }]\n"))
		expect(t, ways{dbOut: true})
	})
	t.Run("unmanaged, and the default group", func(t *testing.T) {
		parity.Proves(t, "D11")
		d.reload(guests("-", "", ""))
		expect(t, ways{dbToApp: true, appOut: true, dbOut: true, outToApp: true})
	})
}

// TestDefaultGroupBetweenHosts: two machines whose files name no group but list each
// other in the default group reach each other, whatever else they are asked by
// anybody is dropped, and what they ask themselves is not (D1, D2).
func TestDefaultGroupBetweenHosts(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "D1", "D2")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(other string) string {
		return "version: 1\ninterfaces: [{ device: eth0 }]\npeers: [{ name: other, addresses: [" + other + "], security_groups: [default] }]\n"
	}
	enforce(t, client, policy(`192.0.2.2, "2001:db8::2"`))
	enforce(t, server, policy(`192.0.2.1, "2001:db8::1"`))
	var attempts []attempt
	for _, e := range ends(client.Device("eth0"), server.Device("eth0")) {
		c, s := e[0], e[1]
		unlisted := beside(c, 0x11)
		echoes(t, client, c, 7000)
		echoes(t, client, unlisted, 7000)
		echoes(t, server, s, 7000)
		attempts = append(attempts,
			exchange(t, "one way", client, "tcp", c, port(s, 7000), true),
			exchange(t, "one way", client, "udp", c, port(s, 7000), true),
			exchange(t, "the other way", server, "tcp", s, port(c, 7000), true),
			ping(t, "a member", client, c, s, true),
			exchange(t, "out to an address that is no member", server, "tcp", s, port(unlisted, 7000), true),
			exchange(t, "from an address that is no member", client, "tcp", unlisted, port(s, 7000), false),
			exchange(t, "from an address that is no member", client, "udp", unlisted, port(s, 7000), false),
			ping(t, "no member", client, unlisted, s, false))
	}
	run(t, attempts)
}
