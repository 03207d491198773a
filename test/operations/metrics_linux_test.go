package operations

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestMetricsOfRealPackets: what Prometheus reads is what receivers saw and what sgfw status
// says, and nobody reads it from elsewhere.
func TestMetricsOfRealPackets(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(),
		harness.GatePolicy("metrics: { listen: 127.0.0.1:9455 }", "max_flows: 5000"))
	at := "127.0.0.1:9455"
	before := harness.Scrapes(t, server.Host(), at, "the start",
		func(harness.Metrics) bool { return true })
	// In and out, IPv4 and IPv6: four datagrams that pass, four that do not.
	g.Expect(t, "enforced", harness.Filtered)
	const verdicts = "sgfw_verdicts_total"
	grown := func(m harness.Metrics, labels ...string) float64 {
		return m.Sum(verdicts, labels...) - before.Sum(verdicts, labels...)
	}
	m := harness.Scrapes(t, server.Host(), at, "eight packets", func(m harness.Metrics) bool {
		return grown(m, "verdict", "accept") == 4 && grown(m, "verdict", "drop") == 4
	})
	for _, direction := range []string{"ingress", "egress"} {
		for verdict, reason := range map[string]string{"accept": "rule", "drop": "no-rule"} {
			if n := grown(m, "direction", direction, "verdict", verdict, "reason", reason); n != 2 {
				t.Errorf("%s, %s: %v packets, want 2", direction, verdict, n)
			}
		}
	}
	var s harness.CountedStatus
	d.Document(&s, "status")
	for _, v := range s.Verdicts {
		if n := m.Sum(verdicts, "verdict", v.Verdict, "reason", v.Reason); n != float64(v.Packets) {
			t.Errorf("%s %s: %v packets, status has %d", v.Verdict, v.Reason, n, v.Packets)
		}
	}
	queue := strconv.Itoa(int(s.Queues[0].Number))
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"flows", m.Sum("sgfw_flows") - m.Sum("sgfw_flows", "state", "untracked"), float64(s.Flows.Live)},
		{"flows of UDP", m.Sum("sgfw_flows", "state", "udp"), 4},
		{"flows created", m.Sum("sgfw_flows_created_total"), float64(s.Flows.Created)},
		{"limit", m.Sum("sgfw_flows_limit", "kind", "tracked"), 5000},
		{"generation", m.Sum("sgfw_policy_generation"), float64(s.Policy.Generation)},
		{"packets of the queue", m.Sum("sgfw_queue_packets_total", "queue", queue),
			float64(s.Queues[0].Packets)},
		{"batches", m.Sum("sgfw_batch_seconds", "queue", queue), float64(s.Queues[0].Batches.Count)},
		{"allowance", m.Sum("sgfw_conntrack_allowance_available", "device", "eth0"),
			float64(s.Interfaces[0].Covered[0].Available)},
		{"interfaces", m.Sum("sgfw_interfaces", "state", "present"), 1},
		{"degraded", m.Sum("sgfw_degraded"), 0},
		{"lost", m.Sum("sgfw_queue_drops_total") + m.Sum("sgfw_queue_errors_total") +
			m.Sum("sgfw_events_lost_total"), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if b := s.Queues[0].Batches; b.Count == 0 || b.Nanoseconds == 0 ||
		b.Within[len(b.Within)-1].Count > b.Count {
		t.Errorf("batches: %+v", b)
	}
	if s.Metrics == nil || s.Metrics.Listen != at || s.Metrics.Failure != "" {
		t.Errorf("status of metrics: %+v", s.Metrics)
	}

	// Not at an address that others can reach, nor for them.
	for _, from := range []*netlab.Host{client.Host(), server.Host()} {
		to := netip.AddrPortFrom(server.IPv4(), 9455).String()
		if err := from.Do(func() error {
			c, err := net.DialTimeout("tcp", to, 300*time.Millisecond)
			if err == nil {
				c.Close()
				t.Errorf("%s reaches metrics at %s", from.Name(), to)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// TestMetricsMove: nobody listens until the policy says so; reloads and roll-backs move the
// listener; and where it cannot be had everything else goes on and says why.
func TestMetricsMove(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	with := func(listen string) string {
		return harness.GatePolicy(`metrics: { listen: "` + listen + `" }`)
	}
	listeners := func() (n int) {
		for _, file := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
			text, err := server.Host().ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n += strings.Count(string(text), " 0A ") // TCP_LISTEN
		}
		return n
	}
	base := listeners() // of the gate
	gone := func(listen string) {
		t.Helper()
		for end := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(10 * time.Millisecond) {
			if _, err := harness.Scrape(server.Host(), listen); err != nil {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("metrics are still at %s", listen)
			}
		}
	}
	has := func(listen string) {
		t.Helper()
		harness.Scrapes(t, server.Host(), listen, "at "+listen,
			func(m harness.Metrics) bool { return m.Sum("sgfw_policy_generation") >= 1 })
	}
	if doc := d.Status(); strings.Contains(d.Log.String(), "metrics") || doc.State != "running" {
		t.Errorf("metrics are spoken of:\n%s", d.Log)
	}
	four, six := "127.0.0.1:9455", "[::1]:9456"
	socket := filepath.Join(filepath.Dir(d.Socket), "m.sock")
	d.Reload(with(four))
	has(four)
	if n := listeners(); n != base+1 {
		t.Errorf("%d listeners, %d without metrics", n, base)
	}
	d.Reload(with(six))
	has(six)
	gone(four)
	d.Reload(with(socket))
	has(socket)
	gone(six)
	d.Reload(with(four), "--confirm", "60s")
	has(four)
	gone(socket)
	d.Must(t, 0, "rollback")
	has(socket)
	gone(four)
	// A policy that is refused moves nothing.
	d.Write(with("0.0.0.0:9455"))
	if out, code := d.Sgfw("reload"); code != 3 ||
		!strings.Contains(out, "reached from other machines") {
		t.Errorf("exit %d\n%s", code, out)
	}
	has(socket)
	harness.Scrapes(t, server.Host(), socket, "reloads", func(m harness.Metrics) bool {
		return m.Sum("sgfw_reloads_total", "result", "refused") == 1 &&
			m.Sum("sgfw_reloads_total", "result", "rolled_back") == 1 &&
			m.Sum("sgfw_reloads_total", "result", "applied") == 4
	})

	var taken net.Listener
	if err := server.Host().Do(func() (err error) {
		taken, err = net.Listen("tcp", four)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d.Reload(with(four))
	s := d.Becomes(t, "degraded", func(s harness.StatusDocument) bool { return s.State == "degraded" })
	if len(s.Degraded) != 1 || !strings.Contains(s.Degraded[0], "nobody can read metrics at "+four) ||
		!strings.Contains(s.Degraded[0], "address already in use") {
		t.Errorf("degraded: %q", s.Degraded)
	}
	if out, _ := d.Sgfw("status"); !strings.Contains(out, "nobody can read them at "+four) {
		t.Errorf("status:\n%s", out)
	}
	if out, _ := d.Sgfw("doctor"); !strings.Contains(strings.Join(strings.Fields(out), " "),
		"nobody can read metrics at "+four) {
		t.Errorf("doctor:\n%s", out)
	}
	if !strings.Contains(d.Log.String(), "nobody can read metrics") {
		t.Errorf("log:\n%s", d.Log)
	}
	g.Expect(t, "without metrics", harness.Filtered)
	taken.Close()
	d.Reload(with(six)) // does not wait for the next try
	has(six)
	d.Becomes(t, "running", func(s harness.StatusDocument) bool { return s.State == "running" })
	d.Reload(harness.GatePolicy())
	gone(six)
	if n := listeners(); n != base {
		t.Errorf("%d listeners, %d without metrics", n, base)
	}
	g.Expect(t, "in the end", harness.Filtered)
}
