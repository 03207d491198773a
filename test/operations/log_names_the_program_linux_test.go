package operations

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLogNamesTheProgram: what a program of this machine sends and the rules refuse is told
// with the program, by both families, of TCP and UDP; what comes from elsewhere is not.
func TestLogNamesTheProgram(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.Closed)
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(string(comm))
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		drops := d.Follow(t, "--drop")
		for _, protocol := range []string{"tcp", "udp"} {
			out := harness.AddrPort(far, harness.UnusedPort())
			in := harness.AddrPort(near, harness.UnusedPort())
			if harness.Exchanges(t, server.Host(), protocol, out, harness.AddrPort(near, 9),
				harness.SilenceTimeout/4) ||
				harness.Exchanges(t, client.Host(), protocol, in, harness.AddrPort(far, 9),
					harness.SilenceTimeout/4) {
				t.Fatal("it is closed, and yet something passes")
			}
			from := func(end netip.AddrPort) func(harness.LoggedVerdict) bool {
				return func(v harness.LoggedVerdict) bool { return v.From == end.String() }
			}
			v := drops.Await("what goes out", 1, from(out))[0]
			if !v.Local || v.Process == nil || v.Process.Name != name || v.Process.PID != os.Getpid() {
				t.Errorf("%s from %s is logged as %+v, want process %s", protocol, out, v, name)
			}
			if v := drops.Await("what comes in", 1, from(in))[0]; v.Local || v.Process != nil {
				t.Errorf("%s from %s is logged as %+v", protocol, in, v)
			}
		}
	})
	if out, _ := d.Sgfw("log"); strings.Count(out, "from this machine")+strings.Count(out, "by ") < 2 {
		t.Errorf("the last drops do not say whose they were:\n%s", out)
	}
}
