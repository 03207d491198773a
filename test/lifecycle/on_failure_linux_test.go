package lifecycle

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/threads"
	"sgfw/test/wire"
)

// onFailure is what settings.on_failure says of one cause, and what passes then.
var onFailure = []string{"drop", "accept"}

// failure is what status says of a cause.
func failure(s harness.StatusDocument, cause string) (active bool, packets uint64) {
	for _, f := range s.Failures {
		if f.Cause == cause {
			return f.Active, f.Packets
		}
	}
	return false, 0
}

// over waits until status says that a cause has ended, and returns how many packets it had.
func over(t *testing.T, d *harness.Daemon, cause string) (packets uint64) {
	t.Helper()
	d.Becomes(t, cause+" is over", func(s harness.StatusDocument) bool {
		var active bool
		active, packets = failure(s, cause)
		return !active && s.State == "running"
	})
	if log := d.Log.String(); !strings.Contains(log, "failure: "+cause) ||
		!strings.Contains(log, "failure is over: "+cause) {
		t.Errorf("the log does not tell of %s:\n%s", cause, log)
	}
	return packets
}

// patient has a loop that stands still noticed soon.
func patient(d *harness.Daemon) {
	d.Env = []string{fmt.Sprintf("WATCHDOG_USEC=%d", (2 * time.Second).Microseconds())}
}

// TestStuck is settings.on_failure.stuck. While a verdict loop hangs, nothing passes, or
// everything; and when it goes round again only what rules permit.
func TestStuck(t *testing.T) {
	for _, action := range onFailure {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			d := harness.Prepare(t, server.Host(),
				harness.GatePolicy("on_failure: { stuck: "+action+" }"))
			patient(d)
			d.Start()
			g.Expect(t, "before", harness.Filtered)
			loop := readingThread(t, d.Cmd.Process.Pid)
			resume, err := threads.Stop(loop)
			if err != nil {
				t.Fatal(err)
			}
			d.Becomes(t, "stuck", func(s harness.StatusDocument) bool {
				active, _ := failure(s, "stuck")
				return active && s.State == "degraded"
			})
			if action == "accept" {
				g.Soon(t, "while it hangs", harness.Open)
			} else {
				g.Expect(t, "while it hangs", harness.Shut)
			}
			resume()
			if packets := over(t, d, "stuck"); (packets > 0) != (action == "accept") {
				t.Errorf("%d packets passed", packets)
			}
			g.Expect(t, "afterwards", harness.Filtered)
		})
	}
}

// readingThread is the thread of the only verdict loop, which waits for packets.
func readingThread(t *testing.T, pid int) int {
	t.Helper()
	for deadline := time.Now().Add(harness.ArrivalTimeout); time.Now().Before(deadline); time.Sleep(
		time.Millisecond) {
		loops, err := threads.In(pid, unix.SYS_RECVMMSG)
		if err != nil {
			t.Fatal(err)
		}
		if len(loops) == 1 {
			return loops[0]
		}
	}
	t.Fatal("no thread reads the queue")
	return 0
}

// TestStuckIsNotGone: a suspended process can change no rule, and still the kernel lets
// everything pass, until it goes on. One that is killed is not stuck: nothing passes, neither
// meanwhile nor while the next one takes over.
func TestStuckIsNotGone(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy("on_failure: { stuck: accept }"))
	patient(d)
	d.Start()
	g.Expect(t, "before", harness.Filtered)
	if err := d.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.Soon(t, "suspended", harness.Open)
	if err := d.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if over(t, d, "stuck") == 0 {
		t.Error("what passed is not counted")
	}
	g.Expect(t, "it goes on", harness.Filtered)

	d.Kill()
	time.Sleep(2 * time.Second) // longer than a daemon may be silent
	g.Expect(t, "killed", harness.Shut)
	lift := g.KeepTrying(t)
	d.Start()
	g.Soon(t, "the next one", harness.Filtered)
	time.Sleep(3 * time.Second) // the pulse is renewed several times under traffic
	lift()
	if _, packets := failure(d.Status(), "stuck"); packets != 0 {
		t.Errorf("%d packets passed while the next one took over, or later", packets)
	}
}

// TestOverloaded is settings.on_failure.overloaded. What finds the queue full is dropped, or
// passes; and once there is room again only what rules permit.
func TestOverloaded(t *testing.T) {
	for _, action := range onFailure {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			client, server, g := harness.NewPair(t)
			d := harness.Enforce(t, server.Host(),
				harness.GatePolicy("on_failure: { overloaded: "+action+" }"))
			g.Expect(t, "before", harness.Filtered)
			if err := d.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			// Nobody reads the queue, so it has not more room than for some thousand. No socket of
			// the gate gets these, which would have no room for them either.
			from, to := harness.AddrPort(g.Far[0], 9), harness.AddrPort(g.Near[0], 9)
			for range 10000 {
				if err := client.Send(wire.UDP(from, to, nil)); err != nil {
					t.Fatal(err)
				}
			}
			want := harness.Shut
			if action == "accept" {
				want = harness.Open
			}
			g.Expect(t, "while the queue is full", want)
			if err := d.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			d.Becomes(t, "overloaded", func(s harness.StatusDocument) bool {
				_, packets := failure(s, "overloaded")
				return packets > 0
			})
			over(t, d, "overloaded")
			g.Expect(t, "afterwards", harness.Filtered)
		})
	}
}

// TestTableFull is settings.on_failure.table_full. What rules permit and the flow table has no
// room for is dropped, or passes packet by packet: its answers do not, as no rule permits
// them. What rules forbid never passes.
func TestTableFull(t *testing.T) {
	for _, action := range onFailure {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			const most = 12
			client, server, g := harness.NewPair(t)
			harness.Echoes(t, server.Host(), g.Near[0], harness.GateEcho)
			echo := harness.AddrPort(g.Near[0], harness.GateEcho)
			d := harness.Enforce(t, server.Host(), harness.GatePolicy(fmt.Sprint("max_flows: ", most),
				"on_failure: { table_full: "+action+" }"))
			var sessions []net.Conn
			for range most {
				c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, echo, harness.ArrivalTimeout)
				if c == nil || !harness.Talks(c) {
					t.Fatalf("connection %d does not come about", len(sessions))
				}
				t.Cleanup(func() { c.Close() })
				sessions = append(sessions, c)
			}
			for _, c := range sessions {
				d.InState(t, "established", "tcp", c.RemoteAddr().String(), c.LocalAddr().String())
			}
			want := harness.Shut
			if action == "accept" {
				want = harness.Filtered
			}
			g.Expect(t, "while the table is full", want)
			for _, network := range []string{"tcp", "udp"} {
				if harness.Exchanges(t, client.Host(), network, netip.AddrPort{}, echo,
					harness.SilenceTimeout) {
					t.Errorf("%s: an answer passes without a flow and a rule", network)
				}
			}
			for i, c := range sessions {
				if !harness.Talks(c) {
					t.Errorf("connection %d had to make room", i)
				}
				c.(*net.TCPConn).SetLinger(0) // a RST, so its place is free at once
				c.Close()
			}
			d.Becomes(t, "table_full", func(s harness.StatusDocument) bool {
				_, packets := failure(s, "table_full")
				return packets > 0
			})
			if over(t, d, "table_full") == 0 {
				t.Error("the packets are not counted")
			}
			g.Expect(t, "afterwards", harness.Filtered)
			if !harness.Exchanges(t, client.Host(), "udp", netip.AddrPort{}, echo,
				harness.ArrivalTimeout) {
				t.Error("no flow is tracked afterwards")
			}
		})
	}
}
