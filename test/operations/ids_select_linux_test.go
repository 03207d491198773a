package operations

import (
	"maps"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestIDsSelect: what is selected by ID is what is selected by name, and no more.
func TestIDsSelect(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R7", "R3")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s := server.Device("eth0").IPv4()
	d := harness.Enforce(t, server, idPolicyRetold)
	harness.EchoOn(t, server, harness.AddrPort(s, 7001), harness.AddrPort(s, 7003))
	ids := d.Ids(t)
	one, other := harness.DialTCP(t, client, harness.Anywhere, harness.AddrPort(s, 7001),
		harness.ArrivalTimeout), harness.DialTCP(t, client, harness.Anywhere, harness.AddrPort(s, 7003),
		harness.ArrivalTimeout)
	if one == nil || other == nil || !harness.Talks(one) || !harness.Talks(other) {
		t.Fatal("no connections")
	}
	defer one.Close()
	defer other.Close()
	if harness.Connects(t, client, harness.Anywhere, harness.AddrPort(s, 7009),
		harness.SilenceTimeout/4) {
		t.Error("a connection came about without a rule")
	}

	web, rule := ids["group web"], ids["web ingress tcp 7001 0.0.0.0/0"]
	var flows struct {
		Flows []struct {
			InterfaceID string `json:"interface_id"`
			Rule        struct {
				ID      string
				GroupID string `json:"group_id"`
			}
		}
	}
	d.Document(&flows, "flows", "--rule", rule, "--group", web, "--interface", ids["device eth0"])
	if f := flows.Flows; len(f) != 1 || f[0].Rule.ID != rule || f[0].Rule.GroupID != web ||
		f[0].InterfaceID != ids["device eth0"] {
		t.Errorf("flows by ID: %+v", f)
	}
	if byID, byName := d.Rules("--group", web), d.Rules("--group", "web"); len(byID) != 5 ||
		!maps.EqualFunc(byID, byName, func(a, b harness.ListedRule) bool { return a.Group == b.Group }) {
		t.Errorf("rules by ID %v, by name %v", byID, byName)
	}
	if out := d.Must(t, 0, "log", "--group", web, "--interface",
		ids["device eth0"]); !strings.Contains(out, ":7009") || !strings.Contains(out, "(sgr-") {
		t.Errorf("the log by ID:\n%s", out)
	}
	if out := d.Must(t, 0, "log", "--group", ids["group other"]); !strings.Contains(out, ":7009") {
		t.Errorf("the log by the other group on the interface:\n%s", out)
	}
	if out := d.Must(t, 0, "explain", "--interface", ids["device eth0"], "--ingress", "--proto", "tcp",
		"--from", "192.0.2.1", "--to", ":7003"); !strings.Contains(out, "("+web+")") ||
		!strings.Contains(out, "("+ids["web ingress tcp 7003 0.0.0.0/0"]+")") {
		t.Errorf("explain names no IDs:\n%s", out)
	}

	const digits = "0123456789abcdef0"
	for _, bad := range []struct {
		args []string
		code string
	}{
		{[]string{"rules", "--group", "nope"}, "InvalidGroup.NotFound"},
		{[]string{"rules", "--group", "sg-" + digits}, "InvalidGroup.NotFound"},
		{[]string{"rules", "--group", "sg-nope"}, "InvalidGroupId.Malformed"},
		{[]string{"log", "--group", "nope"}, "InvalidGroup.NotFound"},
		{[]string{"log", "-f", "--group", "sg-0"}, "InvalidGroupId.Malformed"},
		{[]string{"log", "--interface", "eni-" + digits}, "InvalidNetworkInterfaceID.NotFound"},
		{[]string{"flows", "--group", "nope"}, "InvalidGroup.NotFound"},
		{[]string{"flows", "--rule", "sgr-" + digits}, "InvalidSecurityGroupRuleId.NotFound"},
		{[]string{"flows", "revoke", "--rule", "sgr-0"}, "InvalidSecurityGroupRuleId.Malformed"},
		{[]string{"flows", "revoke", "--group", "sg-" + digits}, "InvalidGroup.NotFound"},
	} {
		if out := d.Must(t, 2, bad.args...); !strings.Contains(out, "["+bad.code+"]") {
			t.Errorf("sgfw %v: no %s\n%s", bad.args, bad.code, out)
		}
	}
	// A policy that names parts by ID is refused, and changes nothing.
	for _, bad := range []struct{ peer, code string }{
		{"security_groups: [sg-" + digits + "]", "InvalidGroup.NotFound"},
		{"security_groups: [sg-other]", "InvalidGroupId.Malformed"},
		{"prefix_lists: [pl-" + digits + "]", "InvalidPrefixListID.NotFound"},
		{"prefix_lists: [pl-office]", "InvalidPrefixListId.Malformed"},
	} {
		d.TurnsDown(t, bad.code, strings.Replace(idPolicyRetold, "prefix_lists: [office]", bad.peer, 1))
	}
	if !harness.Talks(one) || !harness.Talks(other) {
		t.Fatal("a question cut a connection")
	}
	d.Must(t, 0, "flows", "revoke", "--rule", rule)
	if !harness.Silenced(one) || !harness.Talks(other) {
		t.Error("revoking by ID did not cut the flow of that rule, and only that")
	}
	d.Must(t, 0, "flows", "revoke", "--group", web)
	if !harness.Silenced(other) {
		t.Error("revoking by the ID of the group did not cut the flow")
	}
}
