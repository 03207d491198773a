package operations

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// lesson is `sgfw learn` in a host of a lab, while it watches.
type lesson struct {
	t       *testing.T
	cmd     *netlab.Cmd
	said    chan string
	written string
}

// learn begins to watch, and returns once it does.
func learn(t *testing.T, h *netlab.Host, args ...string) *lesson {
	t.Helper()
	dir := t.TempDir()
	l := &lesson{t: t, said: make(chan string, 1), written: filepath.Join(dir, "learned.yaml")}
	l.cmd = h.Command(harness.Program, append([]string{"--socket", filepath.Join(dir, "sgfw.sock"),
		"learn", "-o", l.written}, args...)...)
	l.cmd.Env = append(os.Environ(), "SSH_CONNECTION=")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l.cmd.Stderr = w
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	begun := make(chan string, 1)
	go func() {
		defer r.Close()
		var all strings.Builder
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if all.WriteString(lines.Text() + "\n"); strings.Contains(lines.Text(), "sgfw: watching") {
				begun <- ""
			}
		}
		begun <- all.String() // it ended before
		l.said <- all.String()
	}()
	if text := <-begun; text != "" {
		t.Fatalf("it does not watch:\n%s", text)
	}
	return l
}

// ends ends it as Ctrl-C does, and returns the policy and what was said.
func (l *lesson) ends() (policy, said string) {
	l.t.Helper()
	// Copies come in messages, a few at a time.
	time.Sleep(300 * time.Millisecond)
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		l.t.Fatal(err)
	}
	err := l.cmd.Wait()
	said = <-l.said
	text, rerr := os.ReadFile(l.written)
	if err != nil || rerr != nil {
		l.t.Fatalf("learn: %v, %v\n%s", err, rerr, said)
	}
	return string(text), said
}

// watches reports whether the table is there that copies first packets.
func watches(t *testing.T, h *netlab.Host) bool {
	return strings.Contains(strings.Join(harness.Ruleset(t, h), "\n"), "sgfw-learn")
}

// TestLearnedPolicy watches a router with servers of its own and guests behind it, and enforces
// what was learned: the same passes, of both families, TCP, UDP and ICMP, in and out and
// through. What was not seen, and what only knocked, does not.
func TestLearnedPolicy(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	var seen, unseen []harness.Attempt
	try := func(list *[]harness.Attempt, what string, from *netlab.Host, network string, src,
		dst netip.Addr, p int) {
		*list = append(*list, harness.Exchange(t, what, from, network, src, harness.AddrPort(dst, p)))
	}
	var live []net.Conn
	for i := range 2 {
		app, db, out, fwApp := h.AppIPs[i], h.DBIPs[i], h.OutsideIPs[i], h.FwApp[i]
		fw := harness.BothAddresses(h.Fw.Device("eth0"))[i]
		harness.Echoes(t, h.App, app, 443, 8080)
		harness.Echoes(t, h.DB, db, 5432)
		harness.Echoes(t, h.Outside, out, 25, 53, 80, 443)
		harness.Echoes(t, h.Fw, fw, 22, 443, 514, 9000)
		harness.Echoes(t, h.Fw, fwApp, 53, 54)

		try(&seen, "a visitor at the router", h.Outside, "tcp", out, fw, 443)
		try(&seen, "a message to the router", h.Outside, "udp", out, fw, 514)
		try(&seen, "a visitor at the application", h.Outside, "tcp", out, app, 443)
		try(&seen, "the router asks", h.Fw, "tcp", netip.Addr{}, out, 443)
		try(&seen, "the router asks for a name", h.Fw, "udp", netip.Addr{}, out, 53)
		try(&seen, "the application asks", h.App, "tcp", app, out, 443)
		try(&seen, "the application asks for a name", h.App, "udp", app, out, 53)
		try(&seen, "the application asks the router", h.App, "udp", app, fwApp, 53)
		seen = append(seen, harness.Ping(t, "the router", h.Outside, out, fw),
			harness.Ping(t, "from the router", h.Fw, netip.Addr{}, out),
			harness.Ping(t, "through the router", h.App, app, out))

		try(&unseen, "an idle listener", h.Outside, "tcp", out, fw, 9000)
		try(&unseen, "another protocol", h.Outside, "udp", out, fw, 443)
		try(&unseen, "another port of the application", h.Outside, "tcp", out, app, 8080)
		try(&unseen, "the router asks elsewhere", h.Fw, "tcp", netip.Addr{}, out, 80)
		try(&unseen, "the application asks elsewhere", h.App, "tcp", app, out, 80)
		try(&unseen, "the application asks the router else", h.App, "udp", app, fwApp, 54)
		unseen = append(unseen, harness.Ping(t, "the application", h.Outside, out, app))

		for _, c := range []struct {
			from     *netlab.Host
			src, dst netip.AddrPort
		}{
			{h.Outside, harness.AddrPort(out, 0), harness.AddrPort(fw, 22)},
			{h.App, harness.AddrPort(app, 0), harness.AddrPort(out, 25)},
		} {
			conn := harness.DialTCP(t, c.from, c.src, c.dst, harness.ArrivalTimeout)
			if conn == nil || !harness.Talks(conn) {
				t.Fatalf("no connection to %s", c.dst)
			}
			defer conn.Close()
			live = append(live, conn)
		}
		// These are there before somebody watches, and the second goes on meanwhile.
		try(&seen, "as the one before", h.Outside, "tcp", out, fw, 22)
		try(&seen, "as the one before", h.App, "tcp", app, out, 25)
	}

	l := learn(t, h.Fw, "--device", "eth0,veth-app", "--group", "outer,inner")
	if !watches(t, h.Fw) {
		t.Error("it has no table")
	}
	for _, a := range seen {
		if strings.Contains(a.What, "as the one before") {
			continue
		}
		if !a.Try(harness.ArrivalTimeout) {
			t.Errorf("%s: did not pass while it was watched", a.What)
		}
	}
	for i := range 2 {
		fw := harness.BothAddresses(h.Fw.Device("eth0"))[i]
		if harness.Connects(t, h.Outside, harness.AddrPort(h.OutsideIPs[i], 0),
			harness.AddrPort(fw, 9999), harness.SilenceTimeout) {
			t.Error("somebody listens on port 9999")
		}
		for _, n := range []int{1, 3} {
			if !harness.Talks(live[n]) {
				t.Error("a connection was cut")
			}
		}
	}
	policy, said := l.ends()
	if watches(t, h.Fw) {
		t.Error("its table is still there")
	}
	for _, want := range []string{"ports: 9000", "conversations that others tried to begin",
		"live when it began", "ping", "name: outer", "name: inner"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %q in the policy", want)
		}
	}
	for _, bad := range []string{"9999", "lost", "5432", "8080"} {
		if strings.Contains(policy, bad) {
			t.Errorf("%q is in the policy", bad)
		}
	}
	t.Logf("%s\n%s", said, policy)

	for _, c := range live {
		c.Close()
	}
	d := harness.Enforce(t, h.Fw, policy)
	if out := d.Must(t, 0, "check", d.Config); !strings.HasPrefix(out, d.Config+" is valid") {
		t.Errorf("check:\n%s", out)
	}
	if out := d.Must(t, 5, "learn", "--for", "1s"); !strings.Contains(out, "sgfw audit --fix") {
		t.Errorf("beside a daemon:\n%s", out)
	}
	var attempts []harness.Attempt
	for _, a := range seen {
		attempts = append(attempts, harness.Expect(harness.Pass, a))
	}
	for _, a := range unseen {
		attempts = append(attempts, harness.Expect(harness.Drop, a))
	}
	harness.Run(t, attempts)
}
