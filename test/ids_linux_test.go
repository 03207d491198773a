package test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// identified is what commands say that have IDs.
type identified struct {
	Rules []struct {
		ID, Group, Direction, Protocol, Ports, Peer string
		GroupID                                     string `json:"group_id"`
		Gone                                        bool
	}
	Groups     []struct{ Name, ID string }
	Lists      []struct{ Name, ID string } `json:"prefix_lists"`
	Interfaces []struct {
		Device, Name, ID string
		Covered          []struct{ Name, ID string }
	}
}

// put enters what has an ID, and tells when it has several.
func put(t *testing.T, ids map[string]string, what, id string) {
	t.Helper()
	if was, ok := ids[what]; id == "" || ok && was != id {
		t.Errorf("%s has the ID %q, and had %q", what, id, was)
	}
	ids[what] = id
}

// ids are the IDs of everything in force, by what it is.
func (d *daemon) ids(t *testing.T) map[string]string {
	t.Helper()
	var rules, status identified
	d.document(&rules, "rules")
	d.document(&status, "status")
	out := make(map[string]string)
	for _, r := range rules.Rules {
		put(t, out, strings.Join([]string{r.Group, r.Direction, r.Protocol, r.Ports, r.Peer}, " "), r.ID)
		put(t, out, "group "+r.Group, r.GroupID)
	}
	for _, g := range status.Groups {
		put(t, out, "group "+g.Name, g.ID)
	}
	for _, l := range status.Lists {
		put(t, out, "list "+l.Name, l.ID)
	}
	for _, n := range status.Interfaces {
		if strings.HasSuffix(n.Device, "*") != (n.ID == "") {
			t.Errorf("interface %s has the ID %q", n.Device, n.ID)
		}
		if n.ID != "" {
			put(t, out, "device "+n.Device, n.ID)
		}
		for _, c := range n.Covered {
			put(t, out, "device "+c.Name, c.ID)
		}
	}
	seen := make(map[string]string)
	for what, id := range out {
		if other, dup := seen[id]; dup {
			t.Errorf("%s and %s both have the ID %s", what, other, id)
		}
		seen[id] = what
	}
	return out
}

// The policies of TestIDsStay: web and another group, told in two ways, then
// without a rule.
const (
	idPolicy = `version: 1
prefix_lists: [{ name: office, entries: [{ cidr: 192.0.2.0/24 }] }]
security_groups:
  - name: web
    description: What is offered
    ingress:
      - { protocol: tcp, ports: 7001, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 7002, prefix_lists: [office] }
  - { name: other, description: Attached nowhere, egress: [] }
interfaces: [{ device: eth0, security_groups: [web] }]
`
	idPolicyRetold = `version: 1
prefix_lists: [{ name: office, max_entries: 5, entries: [{ cidr: 192.0.2.0/25, description: Half of it }] }]
security_groups:
  - { name: other, description: Still attached nowhere, egress: [] }
  - name: web
    description: What is offered, in other words
    tags: { Name: web }
    ingress:
      - { description: One more, protocol: tcp, ports: 7003, cidr_blocks: [0.0.0.0/0] }
      - { description: The office, protocol: 6, from_port: 7002, to_port: 7002, prefix_lists: [office] }
      - { description: Everybody, protocol: TCP, from_port: 7001, to_port: 7001, cidr_blocks: [198.51.100.0/0] }
interfaces: [{ device: "eth*", security_groups: [web, other] }]
`
)

// TestIDsStay: the same definition has the same ID, whatever else is said of it, over
// reloads, trials, crashes and restarts; another definition never gets it.
func TestIDsStay(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R3", "R7")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s := server.Device("eth0").IPv4()
	echoes(t, server, s, 7001, 7002, 7003, 7004)
	d := enforce(t, server, idPolicy)
	traffic := func(third bool) {
		t.Helper()
		c := client.Device("eth0").IPv4()
		run(t, []attempt{
			exchange(t, "permitted", client, "tcp", c, port(s, 7001), true),
			exchange(t, "permitted", client, "tcp", c, port(s, 7002), true),
			exchange(t, "permitted by the second policy", client, "tcp", c, port(s, 7003), third),
			exchange(t, "not permitted", client, "tcp", c, port(s, 7004), false),
		})
	}
	traffic(false)
	first := d.ids(t)
	if len(first) != 8 {
		t.Fatalf("%d IDs: %v", len(first), first)
	}
	same := func(when string, want map[string]string) {
		t.Helper()
		if got := d.ids(t); !maps.Equal(got, want) {
			t.Errorf("%s: IDs %v, want %v", when, got, want)
		}
	}

	const added = "web ingress tcp 7003 0.0.0.0/0"
	d.write(idPolicyRetold)
	diff := d.must(t, 0, "reload")
	traffic(true)
	second := d.ids(t)
	if !strings.Contains(diff, "+ group web: ingress tcp 7003 0.0.0.0/0 ("+second[added]+")\n") || !strings.Contains(diff, "("+first["group web"]+")\n") {
		t.Errorf("the change does not name IDs:\n%s", diff)
	}
	all := maps.Clone(first)
	all[added] = second[added]
	same("retold", all)

	for _, end := range []func(){d.kill, d.stop} {
		end()
		d.start()
		traffic(true)
		same("after a restart", all)
	}
	d.write(idPolicy)
	d.must(t, 0, "reload", "--confirm", "60s")
	traffic(false)
	same("on trial, with the rule that is gone and carries a flow", all)
	d.kill()
	d.start()
	d.must(t, 0, "rollback")
	traffic(true)
	same("rolled back, with the rule that came back", all)

	// The file alone tells the same.
	dir := filepath.Dir(d.config)
	var checked struct{ Parts identified }
	d.document(&checked, "check", d.config, "--state-dir", filepath.Join(dir, "state"))
	for _, r := range checked.Parts.Rules {
		if what := strings.Join([]string{r.Group, r.Direction, r.Protocol, r.Ports, r.Peer}, " "); first[what] != r.ID {
			t.Errorf("checked: %s has the ID %s, want %q", what, r.ID, first[what])
		}
	}

	// Where the state directory is lost or spoilt there are IDs all the same, and it is said.
	d.stop()
	seed := filepath.Join(dir, "state", "id-seed")
	if err := os.WriteFile(seed, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	traffic(true)
	if out := d.must(t, 0, "status"); !strings.Contains(out, "IDs are others") {
		t.Errorf("status does not say that the seed was spoilt:\n%s", out)
	}
	d.ids(t)
	d.stop()
	if err := os.WriteFile(seed, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	traffic(true)
	third := d.ids(t)
	for what, id := range third {
		if first[what] == id {
			t.Errorf("another seed: %s has the ID %s as before", what, id)
		}
	}
	if out := d.must(t, 0, "status"); strings.Contains(out, "IDs are others") {
		t.Errorf("status says that a good seed is not kept:\n%s", out)
	}
}

// TestIDsSelect: what is selected by ID is what is selected by name, and no more.
func TestIDsSelect(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R7", "R3")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s := server.Device("eth0").IPv4()
	d := enforce(t, server, idPolicyRetold)
	echoOn(t, server, port(s, 7001), port(s, 7003))
	ids := d.ids(t)
	one, other := dialTCP(t, client, anywhere, port(s, 7001), patience), dialTCP(t, client, anywhere, port(s, 7003), patience)
	if one == nil || other == nil || !talks(one) || !talks(other) {
		t.Fatal("no connections")
	}
	defer one.Close()
	defer other.Close()
	if connects(t, client, anywhere, port(s, 7009), silence/4) {
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
	d.document(&flows, "flows", "--rule", rule, "--group", web, "--interface", ids["device eth0"])
	if f := flows.Flows; len(f) != 1 || f[0].Rule.ID != rule || f[0].Rule.GroupID != web || f[0].InterfaceID != ids["device eth0"] {
		t.Errorf("flows by ID: %+v", f)
	}
	if byID, byName := d.rules("--group", web), d.rules("--group", "web"); len(byID) != 5 || !maps.EqualFunc(byID, byName, func(a, b listedRule) bool { return a.Group == b.Group }) {
		t.Errorf("rules by ID %v, by name %v", byID, byName)
	}
	if out := d.must(t, 0, "log", "--group", web, "--interface", ids["device eth0"]); !strings.Contains(out, ":7009") || !strings.Contains(out, "(sgr-") {
		t.Errorf("the log by ID:\n%s", out)
	}
	if out := d.must(t, 0, "log", "--group", ids["group other"]); !strings.Contains(out, ":7009") {
		t.Errorf("the log by the other group on the interface:\n%s", out)
	}
	if out := d.must(t, 0, "explain", "--interface", ids["device eth0"], "--ingress", "--proto", "tcp", "--from", "192.0.2.1", "--to", ":7003"); !strings.Contains(out, "("+web+")") || !strings.Contains(out, "("+ids["web ingress tcp 7003 0.0.0.0/0"]+")") {
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
		if out := d.must(t, 2, bad.args...); !strings.Contains(out, "["+bad.code+"]") {
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
		d.turnsDown(t, bad.code, strings.Replace(idPolicyRetold, "prefix_lists: [office]", bad.peer, 1))
	}
	if !talks(one) || !talks(other) {
		t.Fatal("a question cut a connection")
	}
	d.must(t, 0, "flows", "revoke", "--rule", rule)
	if !mute(one) || !talks(other) {
		t.Error("revoking by ID did not cut the flow of that rule, and only that")
	}
	d.must(t, 0, "flows", "revoke", "--group", web)
	if !mute(other) {
		t.Error("revoking by the ID of the group did not cut the flow")
	}
}
