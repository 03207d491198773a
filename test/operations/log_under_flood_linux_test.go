package operations

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLogUnderFlood: under a flood of forbidden datagrams of many kinds a follower gets what
// it asked for and no more, and hears of the rest; traffic that is allowed passes.
func TestLogUnderFlood(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{harness.Allow("tcp",
		harness.Inward)}, nil))
	harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv4(), harness.Inward))
	forbidden := harness.NewInbox(t, server.Host(), harness.AddrPort(server.IPv4(), harness.Inward+1))
	const rate = 20
	f := d.Follow(t, "--rate", fmt.Sprint(rate))
	narrow := d.Follow(t, "--proto", "tcp", "--accept", "--rate", "0")
	began := time.Now()
	flooded := []byte("forbidden datagram, one of many")
	var sent atomic.Uint64
	var stop atomic.Bool
	var flood sync.WaitGroup
	flood.Go(func() {
		c, err := client.Host().ListenPacket(t.Context(), "udp", harness.AddrPort(client.IPv4(), 0))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for !stop.Load() {
			for range 100 {
				// Of equal ones few lines would be made.
				to := net.UDPAddrFromAddrPort(harness.AddrPort(server.IPv4(),
					harness.Inward+1+int(sent.Load()%400)))
				if _, err := c.WriteTo(flooded, to); err == nil {
					sent.Add(1)
				}
			}
			time.Sleep(2 * time.Millisecond) // below what the queue holds: allowed packets share it
		}
	})
	const connections = 30
	for i := range connections {
		if !harness.Connects(t, client.Host(), netip.AddrPort{},
			harness.AddrPort(server.IPv4(), harness.Inward), harness.ArrivalTimeout) {
			t.Fatalf("connection %d did not come about beside the flood", i)
		}
	}
	for time.Since(began) < 1500*time.Millisecond {
		time.Sleep(10 * time.Millisecond)
	}
	stop.Store(true)
	flood.Wait()
	if _, arrived := forbidden.Has(flooded); arrived {
		t.Error("a forbidden datagram arrived")
	}
	isVerdict := func(v harness.LoggedVerdict) bool { return v.Type == "verdict" }
	isLoss := func(v harness.LoggedVerdict) bool { return v.Type == "lost" }
	// Beside those lost in the kernel, of which there should be none, all packets were
	// judged: each is shown or counted.
	total := func() (shown, lost uint64) {
		for _, v := range f.Seen(isLoss) {
			lost += v.Lost.Rate + v.Lost.Buffer
		}
		for _, v := range f.Seen(isVerdict) {
			shown += max(v.Count, 1)
		}
		return shown, lost
	}
	// Some may still be in the queue, and verdicts on their way to the follower.
	var shown, lost, judged uint64
	for deadline := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
		var counts harness.StatusDocument
		d.Document(&counts, "status")
		judged = 0
		for _, v := range counts.Verdicts {
			if v.Reason == "no-rule" || v.Reason == "rule" {
				judged += v.Packets
			}
		}
		if shown, lost = total(); shown+lost == judged && lost > 0 || time.Now().After(deadline) {
			break
		}
	}
	if shown+lost != judged || lost == 0 || judged < connections+rate*10 {
		t.Errorf("%d verdicts shown and %d said to be lost, of %d judged and %d sent", shown, lost,
			judged, sent.Load())
	}
	lines := uint64(len(f.Seen(isVerdict)))
	if most := uint64(rate * (2 + time.Since(began).Seconds())); lines > most || lines < rate {
		t.Errorf("%d verdicts shown in %v at %d a second", lines, time.Since(began), rate)
	}
	// A filter works before the flood fills the buffer.
	if got := narrow.Await("new connections", connections, isVerdict); len(got) != connections ||
		len(narrow.Seen(isLoss)) != 0 {
		t.Errorf("%d new connections in the log, and losses %+v", len(got), narrow.Seen(isLoss))
	}
	f.Conforms()
	if err := f.Stop(); err == nil {
		t.Error("a follower ended by a signal says that all is well")
	}
}
