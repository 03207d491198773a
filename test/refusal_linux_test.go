package test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/google/go-cmp/cmp"

	"sgfw/test/netlab"
	"sgfw/test/parity"
)

// refuses starts a daemon that must not start. It returns what it said and checks
// its exit code.
func (d *daemon) refuses(code int, args ...string) string {
	d.t.Helper()
	if err := d.launch(args...); err == nil {
		d.t.Errorf("it started\n%s", d.log)
		d.stop()
		return d.log.String()
	}
	err := <-d.ended
	d.ended <- err
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != code {
		d.t.Errorf("refused: %v, want exit %d\n%s", err, code, d.log)
	}
	return d.log.String()
}

// everything is a policy that would open a gate.
var everything = policyWith(
	[]string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`},
	[]string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`})

// TestSecondDaemonIsRefused starts a second daemon beside the first one, with the
// same socket and with another, and one in another namespace, where it may run.
func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	first := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "the first one", filtered)
	before := snapshot(t, server.Host())
	lift := g.besiege(t)
	for _, socket := range []string{first.socket, ""} {
		second := prepare(t, server.Host(), everything)
		if socket != "" {
			second.socket = socket
		}
		said := second.refuses(1)
		if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, first.cmd.Process.Pid)).MatchString(said) {
			t.Errorf("it does not name PID %d:\n%s", first.cmd.Process.Pid, said)
		}
	}
	if diff := cmp.Diff(before.Ruleset, ruleset(t, server.Host())); diff != "" {
		t.Errorf("the refused ones changed the table:\n%s", diff)
	}
	g.expect(t, "after the refusals", filtered)
	if out, code := first.sgfw("status"); code != 0 {
		t.Errorf("status of the first one: exit %d\n%s", code, out)
	}
	lift()

	// The other host's rules close what the first one's allow.
	other := enforce(t, client.Host(), closed)
	g.expect(t, "both hosts protected", shut)
	other.stop()
	g.expect(t, "the first one alone", filtered)
}

// TestForeignQueueIsRefused starts while another program has one of the queues.
func TestForeignQueueIsRefused(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	foreign, err := nfqueue.Open(&nfqueue.Config{NfQueue: 4301, NetNS: server.Host().NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	// Registering binds the queue.
	if err := foreign.RegisterWithErrorFunc(t.Context(), func(nfqueue.Attribute) int { return 0 }, func(error) int { return 0 }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { foreign.Close() })
	before := snapshot(t, server.Host())
	d := prepare(t, server.Host(), strings.Replace(gatePolicy(), "count: 1", "base: 4300, count: 2", 1))
	said := d.refuses(1)
	// The holder is this process.
	if !strings.Contains(said, "4301") || !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, pid)).MatchString(said) {
		t.Errorf("it does not name queue 4301 and PID %d:\n%s", pid, said)
	}
	if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
		t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
	}
	g.expect(t, "refused", open)
	d.write(gatePolicy())
	d.start()
	g.expect(t, "started on other queues", filtered)
}

// TestInvalidPolicyIsRefused starts with a policy that does not validate, and
// reloads one: everything stays as it was.
func TestInvalidPolicyIsRefused(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R40")
	_, server, g := newPair(t)
	// Two problems, in lines 5 and 8.
	const invalid = `version: 1
security_groups:
  - name: state
    description: Opens everything, were it not for two mistakes
    ingress: [{ protocol: tcp, ports: 70000, cidr_blocks: [0.0.0.0/0] }]
interfaces:
  - device: eth0
    security_groups: [nosuch]
`
	problems := []string{`policy\.yaml:5:\d+: .*70000`, `policy\.yaml:8:\d+: .*nosuch`}
	names := func(said string) {
		t.Helper()
		for _, p := range problems {
			if !regexp.MustCompile(p).MatchString(said) {
				t.Errorf("it does not say %s:\n%s", p, said)
			}
		}
	}
	before := snapshot(t, server.Host())
	d := prepare(t, server.Host(), invalid)
	names(d.refuses(3))
	if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
		t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
	}
	g.expect(t, "start refused", open)

	d.write(gatePolicy())
	d.start()
	g.expect(t, "enforced", filtered)
	table, lift := ruleset(t, server.Host()), g.besiege(t)
	for _, text := range []string{invalid, everything + "settings: { nosuch: 1 }\n", "", "version: 1\n\tbroken"} {
		d.write(text)
		said, code := d.sgfw("reload")
		if code != 3 || !strings.Contains(said, "policy.yaml") {
			t.Errorf("reload of %q: exit %d, want 3 and the file\n%s", text, code, said)
		}
		if text == invalid {
			names(said)
		}
		g.expect(t, "reload refused", filtered)
	}
	lift()
	if diff := cmp.Diff(table, ruleset(t, server.Host())); diff != "" {
		t.Errorf("the ruleset before (-) and after the refused reloads (+):\n%s", diff)
	}
	d.reload(everything)
	g.expect(t, "a valid policy at last", open)
}

// TestPolicyThatManagesASlave is refused: packets of a bridge port appear on the
// bridge and would never be judged.
func TestPolicyThatManagesASlave(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	bridge(t, server, "br0")
	d := prepare(t, server.Host(), gatePolicy())
	if said := d.refuses(3); !strings.Contains(said, "eth0 belongs to br0") {
		t.Errorf("it does not name the bridge:\n%s", said)
	}
	g.expect(t, "refused", open)
	// A guest's port of a bridge is no better: its packets are switched.
	d.write(asGuest(gatePolicy()))
	if said := d.refuses(3); !strings.Contains(said, "eth0 belongs to br0") {
		t.Errorf("a guest: it does not name the bridge:\n%s", said)
	}
	d.write(gateOn([]string{"br0"}))
	d.start()
	g.expect(t, "the bridge managed", filtered)
}

// bridge makes a device a port of a new bridge, which takes its addresses over.
func bridge(t testing.TB, dev *netlab.Device, name string) {
	t.Helper()
	h := dev.Host().Netlink()
	link, err := h.LinkByName(dev.Name())
	if err != nil {
		t.Fatal(err)
	}
	br := newBridge(t, dev.Host(), name, dev.MAC())
	if err := h.LinkSetMaster(link, br); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dev.IPv4().String() + "/24", dev.IPv6().String() + "/64"} {
		removeAddr(t, dev.Host(), dev.Name(), p)
		addAddr(t, dev.Host(), name, p)
	}
}
