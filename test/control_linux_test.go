package test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/netlab/labtest"
)

// explanation is what `sgfw explain -o json` says.
type explanation struct {
	Schema, Verdict, Reason string
	Flow                    *listedFlow
	Rule                    *struct {
		Group, Direction string
		Index            int
	}
	Groups []struct {
		Name    string
		Permits bool
	}
}

// TestExplainAgreesWithPackets asks the daemon what would happen to a packet and
// then sends it.
func TestExplainAgreesWithPackets(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	d := enforce(t, server, `version: 1
prefix_lists:
  - name: friends
    entries: [{ cidr: 192.0.2.8/30 }]
security_groups:
  - name: web
    description: Two rules in, one out
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 5000-5002, prefix_lists: [friends], ipv6_cidr_blocks: ["2001:db8::11/128"] }
    egress:
      - { protocol: tcp, ports: 443, cidr_blocks: [192.0.2.1/32] }
  - name: more
    description: Pings of one family each way
    ingress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [192.0.2.12/32] }
    egress:
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["2001:db8::/64"] }
interfaces:
  - { device: eth0, security_groups: [web, more] }
`)
	for _, q := range []struct {
		direction, protocol string
		from, to            netip.AddrPort // port 0 of the destination: ICMP
		// group and rule permit it; no group: nothing does.
		group string
		rule  int
	}{
		{"ingress", "tcp", at("192.0.2.1:0"), at("192.0.2.2:443"), "web", 0},
		{"ingress", "tcp", at("[2001:db8::21]:0"), at("[2001:db8::2]:443"), "web", 0},
		{"ingress", "tcp", at("192.0.2.1:0"), at("192.0.2.2:444"), "", 0},
		{"ingress", "tcp", at("[2001:db8::1]:0"), at("[2001:db8::2]:442"), "", 0},
		{"ingress", "udp", at("192.0.2.1:0"), at("192.0.2.2:443"), "", 0},
		{"ingress", "udp", at("192.0.2.10:0"), at("192.0.2.2:5000"), "web", 1},
		{"ingress", "udp", at("192.0.2.11:0"), at("192.0.2.2:5002"), "web", 1},
		{"ingress", "udp", at("192.0.2.11:0"), at("192.0.2.2:5003"), "", 0},
		{"ingress", "udp", at("192.0.2.12:0"), at("192.0.2.2:5000"), "", 0},
		{"ingress", "udp", at("[2001:db8::11]:0"), at("[2001:db8::2]:5001"), "web", 1},
		{"ingress", "udp", at("[2001:db8::12]:0"), at("[2001:db8::2]:5001"), "", 0},
		{"ingress", "tcp", at("192.0.2.10:0"), at("192.0.2.2:5000"), "", 0},
		{"ingress", "icmp", at("192.0.2.12:0"), at("192.0.2.2:0"), "more", 0},
		{"ingress", "icmp", at("192.0.2.11:0"), at("192.0.2.2:0"), "", 0},
		{"ingress", "icmpv6", at("[2001:db8::12]:0"), at("[2001:db8::2]:0"), "", 0},
		{"egress", "tcp", at("192.0.2.2:0"), at("192.0.2.1:443"), "web", 0},
		{"egress", "tcp", at("192.0.2.2:0"), at("192.0.2.10:443"), "", 0},
		{"egress", "tcp", at("[2001:db8::2]:0"), at("[2001:db8::1]:443"), "", 0},
		{"egress", "udp", at("192.0.2.2:0"), at("192.0.2.1:443"), "", 0},
		{"egress", "icmpv6", at("[2001:db8::2]:0"), at("[2001:db8::21]:0"), "more", 0},
		{"egress", "icmp", at("192.0.2.2:0"), at("192.0.2.1:0"), "", 0},
	} {
		what := fmt.Sprintf("%s %s %s > %s", q.direction, q.protocol, q.from, q.to)
		h, far := client, server
		if q.direction == "egress" {
			h, far = server, client
		}
		icmp := strings.HasPrefix(q.protocol, "icmp")
		from, to := q.from, q.to
		args := []string{"explain", "--" + q.direction, "--proto", q.protocol}
		if icmp {
			args = append(args, "--from", from.Addr().String(), "--to", to.Addr().String())
		} else {
			from = port(from.Addr(), freshPort())
			args = append(args, "--from", from.String(), "--to", to.String())
		}
		var x explanation
		d.document(&x, args...)
		wait, want := patience, "accept"
		if q.group == "" {
			wait, want = silence/2, "drop"
		} else if t.Failed() {
			wait = silence
		}
		if x.Verdict != want || len(x.Groups) != 2 || x.Schema != "sgfw/v1" {
			t.Errorf("%s: explained as %+v, want %s", what, x, want)
		}
		switch {
		case q.group == "" && x.Rule != nil, q.group != "" && (x.Rule == nil || x.Rule.Group != q.group || x.Rule.Index != q.rule || x.Rule.Direction != q.direction):
			t.Errorf("%s: explained by the rule %+v, want %s[%d]", what, x.Rule, q.group, q.rule)
		}
		var passed bool
		if icmp {
			passed = pings(t, h, from.Addr(), to.Addr(), wait)
		} else {
			s, err := far.ServeEcho(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			passed = exchanges(t, h, q.protocol, from, to, wait)
			s.Close()
		}
		if passed != (want == "accept") {
			t.Errorf("%s: passed: %t, explained as %s (%s)", what, passed, x.Verdict, x.Reason)
		}
	}

	// A live flow answers for itself, also once its rule has gone (T15).
	echoOn(t, server, at("192.0.2.2:443"))
	from := port(ip("192.0.2.1"), freshPort())
	c := dialTCP(t, client, from, at("192.0.2.2:443"), patience)
	if c == nil || !talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	d.reload(closed)
	for _, q := range []struct {
		from    netip.AddrPort
		verdict string
	}{{from, "accept"}, {port(from.Addr(), freshPort()), "drop"}} {
		var x explanation
		d.document(&x, "explain", "--ingress", "--proto", "tcp", "--from", q.from.String(), "--to", "192.0.2.2:443")
		if x.Verdict != q.verdict || (x.Flow != nil) != (q.verdict == "accept") {
			t.Errorf("from %s: explained as %+v, want %s", q.from, x, q.verdict)
		}
	}
	if !talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	if connects(t, client, netip.AddrPort{}, at("192.0.2.2:443"), silence) {
		t.Error("a connection came about without a rule")
	}
}

// statusDocument is what `sgfw status -o json` says.
type statusDocument struct {
	Schema, State string
	Degraded      []string
	PID           int
	Policy        struct {
		Generation uint64
	}
	Interfaces []struct {
		Device  string
		Covered []struct {
			Name      string
			Addresses []string
		}
	}
	Groups []struct {
		Name     string
		Attached bool
		Ingress  struct{ IPv4, IPv6 int }
		Quota    int
	}
	Quotas map[string]struct{ Used, Quota int }
	Table  struct {
		Hooks           []string
		QueueExpression string `json:"queue_expression"`
		Owner           bool
		Repaired        uint64
	}
	Queues []struct {
		Number                  uint16
		Accepted, Dropped, Lost uint64
	}
	Interference []struct {
		What, Process string
		Count         uint64
		PID           int
		NetlinkPort   uint32 `json:"netlink_port"`
	}
	Verdicts []struct {
		Verdict, Reason string
		Packets         uint64
	}
}

// packets counts the packets of a verdict.
func (s statusDocument) packets(verdict string) (n uint64) {
	for _, v := range s.Verdicts {
		if v.Verdict == verdict {
			n += v.Packets
		}
	}
	return n
}

// TestStatusTellsWhatHappens compares counters with the packets sent, and has a
// managed device become part of a bridge, where nothing can be judged any more.
func TestStatusTellsWhatHappens(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	var before, after statusDocument
	d.document(&before, "status")
	// In and out, IPv4 and IPv6: four datagrams that pass, four that do not.
	g.expect(t, "enforced", filtered)
	d.document(&after, "status")
	if n := after.packets("accept") - before.packets("accept"); n != 4 {
		t.Errorf("%d packets accepted, want 4: %+v", n, after.Verdicts)
	}
	if n := after.packets("drop") - before.packets("drop"); n != 4 {
		t.Errorf("%d packets dropped, want 4: %+v", n, after.Verdicts)
	}
	q := after.Queues[0]
	if after.State != "running" || after.PID != d.cmd.Process.Pid || !after.Table.Owner || len(after.Queues) != 1 || q.Accepted != 4 || q.Dropped != 4 {
		t.Errorf("status: %+v", after)
	}
	if len(after.Table.Hooks) != 3 || after.Table.QueueExpression != "xt" && after.Table.QueueExpression != "native" {
		t.Errorf("table: %+v", after.Table)
	}
	if g := after.Groups; len(g) == 0 || !g[0].Attached || g[0].Quota != 60 || g[0].Ingress.IPv4 < 1 || g[0].Ingress.IPv6 < 1 {
		t.Errorf("groups: %+v", g)
	}
	covered := after.Interfaces[0].Covered
	if len(covered) != 1 || covered[0].Name != "eth0" || !strings.Contains(fmt.Sprint(covered[0].Addresses), server.IPv4().String()) {
		t.Errorf("covered: %+v", after.Interfaces)
	}

	becomes := func(state, why string) {
		t.Helper()
		var s statusDocument
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if d.document(&s, "status"); s.State == state && strings.Contains(fmt.Sprint(s.Degraded), why) {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("status: %+v, want %s: %s", s, state, why)
				return
			}
		}
	}
	h := server.Host().Netlink()
	if err := h.LinkSetMaster(link(t, server.Host(), "eth0"), newBridge(t, server.Host(), "br0", nil)); err != nil {
		t.Fatal(err)
	}
	becomes("degraded", "eth0 belongs to br0")
	if err := h.LinkSetNoMaster(link(t, server.Host(), "eth0")); err != nil {
		t.Fatal(err)
	}
	becomes("running", "")
	g.soon(t, "out of the bridge again", filtered)
}

// TestSocketIsForRootAndMembers: strangers cannot ask the daemon anything,
// members of the socket's group may look, and root alone may change.
func TestSocketIsForRootAndMembers(t *testing.T) {
	t.Parallel()
	const strangers, members = 65534, 61999
	_, server, g := newPair(t)
	d := prepare(t, server.Host(), gatePolicy())
	d.start("--socket-group", strconv.Itoa(members))
	d.write(everything)
	// Directories of tests are for root; what is tested is the socket's own mode.
	public, err := os.MkdirTemp("", "sgfw-public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(public) })
	binary := filepath.Join(public, "sgfw")
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(d.socket); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(public, 0o755); err != nil {
		t.Fatal(err)
	}
	// as runs a command as the user nobody, in one group.
	as := func(gid uint32, args ...string) (string, int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"--socket", d.socket}, args...)...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: gid}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := as(strangers, "version"); code != 0 {
		t.Fatalf("nobody cannot run the program: exit %d\n%s", code, out)
	}
	for _, c := range []struct {
		gid     uint32
		command string
		allowed bool
	}{
		{strangers, "status", false},
		{strangers, "flows", false},
		{strangers, "explain --ingress --proto tcp --from 192.0.2.9 --to :22", false},
		{strangers, "rules", false},
		{strangers, "log", false},
		{strangers, "log -f", false},
		{strangers, "reload", false},
		{members, "status", true},
		{members, "flows", true},
		{members, "explain --ingress --proto tcp --from 192.0.2.9 --to :22", true},
		{members, "rules", true},
		{members, "log", true},
		{members, "reload", false},
		{members, "reload --force", false},
	} {
		out, code := as(c.gid, strings.Fields(c.command)...)
		if c.allowed && code != 0 {
			t.Errorf("%s by group %d: exit %d\n%s", c.command, c.gid, code, out)
		}
		if !c.allowed && (code != 1 || !strings.Contains(out, "permission denied")) {
			t.Errorf("%s by group %d: exit %d, want 1 and permission denied\n%s", c.command, c.gid, code, out)
		}
	}
	g.expect(t, "after what they attempted", filtered)
	// Nothing but who they are was in the way.
	if out, code := d.sgfw("reload"); code != 0 {
		t.Errorf("reload by root: exit %d\n%s", code, out)
	}
	g.expect(t, "reloaded", open)
}
