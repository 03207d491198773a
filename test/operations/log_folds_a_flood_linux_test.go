package operations

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLogFoldsAFlood: of a flood of equal forbidden datagrams a follower gets few lines that
// count them all, and the one that is different amid them. None arrives.
func TestLogFoldsAFlood(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{harness.Allow("tcp",
		harness.Inward)}, nil))
	harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), harness.Inward))
	forbidden := harness.AddrPort(server.IPv4(), harness.Inward+1)
	inbox := harness.NewInbox(t, server.Host(), forbidden)
	f := d.Follow(t, "dir:ingress", "verdict:drop", "proto:udp")
	c, err := client.Host().ListenPacket(t.Context(), "udp", harness.AddrPort(client.IPv4(), 0))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	flooded := []byte("forbidden datagram, one of many")
	other := harness.AddrPort(server.IPv4(), harness.Inward+2)
	const bursts = 400
	for i := range bursts {
		for range 100 {
			_, _ = c.WriteTo(flooded, net.UDPAddrFromAddrPort(forbidden))
		}
		if i == bursts/2 {
			_, _ = c.WriteTo(flooded, net.UDPAddrFromAddrPort(other))
		}
		time.Sleep(2 * time.Millisecond) // below what the queue holds
	}
	if !harness.Connects(t, client.Host(), netip.AddrPort{},
		harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout) {
		t.Error("what is permitted does not pass")
	}
	found := f.Await("the one that is different", 1, func(v harness.LoggedVerdict) bool {
		return v.To == other.String()
	})
	if len(found) == 1 && found[0].Reason != "no-rule" {
		t.Errorf("%+v", found[0])
	}
	lines := func() (n int, told uint64) {
		for _, v := range f.Seen(func(harness.LoggedVerdict) bool { return true }) {
			if v.Type == "lost" {
				told += v.Lost.Rate + v.Lost.Buffer
				continue
			}
			n++
			told += max(v.Count, 1)
		}
		return n, told
	}
	var n int
	var told, judged uint64
	for deadline := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
		var counts harness.StatusDocument
		d.Document(&counts, "status")
		judged = 0
		for _, v := range counts.Verdicts {
			if v.Reason == "no-rule" {
				judged += v.Packets
			}
		}
		if n, told = lines(); told == judged && told > 0 || time.Now().After(deadline) {
			break
		}
	}
	if told != judged || judged < bursts || n > 100 {
		t.Errorf("%d lines tell of %d drops, of %d judged", n, told, judged)
	}
	if _, arrived := inbox.Has(flooded); arrived {
		t.Error("a forbidden datagram arrived")
	}
	f.Conforms()
}
