package lifecycle

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// broken is a policy with a mistake, in line 5, that names the device.
const broken = `version: 1
security_groups:
  - name: state
    description: Opens everything, were it not for a mistake
    ingress: [{ protocol: tcp, ports: 70000, cidr_blocks: [0.0.0.0/0] }]
interfaces:
  - device: eth0
    security_groups: [state]
`

// TestBrokenPolicyAtStart: a machine that enforced something goes on enforcing it. The
// daemon says so wherever somebody looks, until it has a policy that can be used.
func TestBrokenPolicyAtStart(t *testing.T) {
	t.Parallel()
	for what, breaks := range map[string]func(*harness.Daemon){
		"a mistake": func(d *harness.Daemon) { d.Write(broken) },
		"no YAML":   func(d *harness.Daemon) { d.Write("version: 1\n\tx") },
		"empty":     func(d *harness.Daemon) { d.Write("") },
		"gone":      func(d *harness.Daemon) { os.Remove(d.Config) },
		// What a failure leaves is about a machine that enforces nothing yet.
		"open on failure": func(d *harness.Daemon) {
			d.Write(broken + "settings: { on_failure: { gone: accept } }\n")
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			d := harness.Prepare(t, server.Host(), harness.AllowAll)
			d.Start()
			g.Expect(t, "an earlier policy", harness.Open)
			d.Reload(harness.GatePolicy())
			g.Expect(t, "the last good policy", harness.Filtered)
			lift := g.KeepTrying(t)
			d.Kill()
			breaks(d)
			d.Start()
			g.Expect(t, "after the start", harness.Filtered)
			lift()
			// It is said right behind the start.
			said := ""
			for end := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(10 * time.Millisecond) {
				said = d.Log.String()
				if strings.Contains(said, "level=ERROR") &&
					strings.Contains(said, "the last good policy, of 20") {
					break
				}
				if time.Now().After(end) {
					t.Errorf("the log does not say it:\n%s", said)
					break
				}
			}
			told := func(when, stands string) {
				t.Helper()
				s, out := d.Unconfirmed().Policy, d.Must(t, 0, "status")
				if s.StandIn != stands || (s.Failure != nil) != (stands != "") ||
					strings.Contains(out, "the last good policy, of 20") != (stands != "") ||
					strings.Contains(out, "degraded") != (stands != "") {
					t.Errorf("%s: %+v\n%s", when, s, out)
				}
			}
			told("started", "last-good")

			// It is no excuse for the next one.
			if out, code := d.Sgfw("reload"); code == 0 {
				t.Errorf("reload: exit %d\n%s", code, out)
			}
			told("reload refused", "last-good")
			d.StopsWith(map[bool]int{true: 1, false: 3}[what == "gone"])
			d.Start()
			g.Expect(t, "started again", harness.Filtered)
			told("started again", "last-good")

			d.Reload(turned)
			g.Turn()
			g.Expect(t, "mended", harness.Filtered)
			told("mended", "")
			d.Stop()
			breaks(d)
			d.Start()
			g.Expect(t, "the one that mended it is the last good one", harness.Filtered)
		})
	}
}

// TestBrokenPolicyAtTheFirstStart: where no policy was ever good the devices that the
// file names are closed, or all, until there is one. Unless on_failure says otherwise.
func TestBrokenPolicyAtTheFirstStart(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		policy string
		device string
	}{
		"a mistake":      {broken, "eth0"},
		"no YAML":        {"version: 1\n\tx", "*"},
		"another device": {strings.Replace(broken, "eth0", "'other*'", 1), ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			d := harness.Prepare(t, server.Host(), c.policy)
			d.Start()
			want := harness.Shut
			if c.device == "" {
				want = harness.Open
			}
			g.Expect(t, "closed", want)
			s := d.Status()
			if len(s.Interfaces) != 1 || c.device != "" && s.Interfaces[0].Device != c.device ||
				d.Unconfirmed().Policy.StandIn != "closed" || s.State != "degraded" {
				t.Errorf("status: %+v", s)
			}
			if said := d.Log.String(); strings.Count(said, "cannot be used: nothing passes through") != 1 {
				t.Errorf("the log does not say it once:\n%s", said)
			}
			if out := d.Must(t, 0, "status"); !strings.Contains(out, "nothing passes through") {
				t.Errorf("status does not say it:\n%s", out)
			}
			// It is not what a start goes on with.
			d.StopsWith(3)
			g.Expect(t, "stopped", harness.Open)
			d.Start()
			if s := d.Unconfirmed().Policy; s.StandIn != "closed" {
				t.Errorf("the second time: %+v", s)
			}
			// Nobody needs to ask for a reload.
			d.Write(harness.GatePolicy())
			d.Becomes(t, "what it should be", func(s harness.StatusDocument) bool {
				return s.State == "running"
			})
			g.Expect(t, "mended", harness.Filtered)
			d.Stop()
		})
	}
}

// foreign is what somebody has at hand who has yet to learn that it is to be imported.
const foreign = `resource "aws_security_group" "web" {
  ingress { protocol = "tcp", from_port = 80, to_port = 80, cidr_blocks = ["0.0.0.0/0"] }
}
`

// TestForeignFileAtTheFirstStart: a file of another tool says nothing about this machine, and
// closes none of its devices: the start is refused. So it is each time, until there is a policy.
// A machine that enforced one goes on, also where that cannot be read any more; and a policy
// with something of another tool in it is a policy.
func TestForeignFileAtTheFirstStart(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), foreign)
	for range 2 {
		said := d.Refuses(3)
		for _, want := range []string{":1:", "a configuration of Terraform, not a policy",
			"sgfw import FILE", "nothing was changed"} {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
		g.Expect(t, "refused", harness.Open)
		if left := harness.Ruleset(t, server.Host()); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}

	d.Write(broken + "# a part of it:\n*filter\n")
	d.Start()
	g.Expect(t, "a broken policy", harness.Shut)
	d.StopsWith(3)

	d.Write(harness.GatePolicy())
	d.Start()
	d.Stop()
	d.Write(foreign)
	d.Start()
	g.Expect(t, "the last good policy", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.StandIn != "last-good" {
		t.Errorf("status: %+v", s)
	}
	d.StopsWith(3)
	good, err := filepath.Glob(filepath.Join(filepath.Dir(d.Config), "state", "good-*"))
	if err != nil || len(good) != 1 {
		t.Fatal(good, err)
	}
	if err := os.WriteFile(good[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Start()
	g.Expect(t, "the last good policy is damaged", harness.Shut)
	d.StopsWith(3)
}

// TestBrokenPolicySparesSessions: what closes the machine does not lock out who would mend
// it, and neither does a policy that would: the last good one goes on.
func TestBrokenPolicySparesSessions(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	at := harness.AddrPort(harness.BothAddresses(server)[0], 22)
	harness.EchoOn(t, server.Host(), at)
	c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, at, harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no session")
	}
	defer c.Close()
	d := harness.Prepare(t, server.Host(), broken)
	if said := d.Refuses(5); !strings.Contains(said, "70000") ||
		!strings.Contains(said, "nothing is enforced") || strings.Contains(said, "nothing passes") {
		t.Errorf("it does not say why:\n%s", said)
	}
	g.Expect(t, "refused", harness.Open)
	d.Write(harness.SSHPolicy("cidr_blocks: [192.0.2.1/32]"))
	d.Start()
	g.Expect(t, "the last good policy", harness.Filtered)
	d.Stop()
	d.Write(harness.GatePolicy())
	d.Start()
	if !harness.Talks(c) || !harness.Connects(t, client.Host(), netip.AddrPort{}, at,
		harness.ArrivalTimeout) {
		t.Error("locked out at a start")
	}
	g.Expect(t, "the last good policy, as the new one locks out", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.StandIn != "last-good" {
		t.Errorf("status: %+v", s)
	}
	d.StopsWith(5)
}
