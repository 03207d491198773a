package operations

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLogKeepsWhatMatters: of three minutes of noise, at 20 drops a second, equal drops
// are one line of the log with how many there were and since when, and the one client
// that was refused before all of it is still there.
func TestLogKeepsWhatMatters(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith(
		[]string{harness.Allow("tcp", harness.Inward)}, nil, "queues: { count: 1 }"))
	for _, port := range []int{harness.Inward, 5432} {
		harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), port))
	}
	if harness.Connects(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), 5432), harness.SilenceTimeout/2) {
		t.Fatal("connected without a rule")
	}
	// The same datagram, a client that asks from ever other ports, and a scan.
	const total = 3 * 60 * 20
	same, err := client.Host().ListenPacket(t.Context(), "udp",
		harness.AddrPort(client.IPv4(), 5353))
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	send := func(c net.PacketConn, port uint16) {
		to := net.UDPAddrFromAddrPort(harness.AddrPort(server.IPv4(), int(port)))
		if _, err := c.WriteTo([]byte("noise"), to); err != nil {
			t.Fatal(err)
		}
	}
	for i := range total / 3 {
		send(same, 5353)
		other, err := client.Host().ListenPacket(t.Context(), "udp",
			harness.AddrPort(client.IPv4(), 0))
		if err != nil {
			t.Fatal(err)
		}
		send(other, 1900)
		send(other, uint16(10000+i))
		other.Close()
		time.Sleep(time.Millisecond) // the queue keeps up, and looks at each
	}
	// It stands behind all of them in the only queue.
	if !harness.Connects(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout) {
		t.Fatal("no connection behind the noise")
	}
	type line struct {
		To, Protocol string
		Count        uint64
		Time, First  time.Time
	}
	lines := make(map[string]line)
	out := d.Must(t, 0, "log", "-o", "json")
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		key := l.Protocol + " " + l.To
		if _, twice := lines[key]; twice {
			t.Errorf("%s is in two lines", key)
		}
		lines[key] = l
	}
	at := func(protocol string, port uint16) line {
		l, ok := lines[protocol+" "+harness.AddrPort(server.IPv4(), int(port)).String()]
		if !ok {
			t.Errorf("%s to port %d is not in the log", protocol, port)
		}
		return l
	}
	if l := at("tcp", 5432); l.Count == 0 || l.Time.Before(l.First) {
		t.Errorf("the one that matters: %+v", l)
	}
	for _, port := range []uint16{5353, 1900} {
		if l := at("udp", port); l.Count < total/3/2 || l.Count > total/3 || !l.First.Before(l.Time) {
			t.Errorf("port %d: %+v, want at most %d of them folded", port, l, total/3)
		}
	}
	at("udp", 10000+total/3-1)
	if text := d.Must(t, 0, "log", "--port", "1900"); !strings.Contains(
		strings.ReplaceAll(text, ",", ""), fmt.Sprintf("%d times since ", at("udp", 1900).Count)) {
		t.Errorf("for people:\n%s", text)
	}
}
