package live

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestRuleAddedLive: a rule that comes holds for the next packet, also for one of
// the very addresses and ports whose packets were dropped a moment before (T18).
func TestRuleAddedLive(t *testing.T) {
	parity.Proves(t, "T18")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	const witness, later, never = harness.Inward, harness.Inward + 1, harness.Inward + 2
	narrow := harness.PolicyWith([]string{harness.Allow("udp", witness)}, nil, "queues: { count: 1 }")
	wide := harness.PolicyWith([]string{
		harness.Allow("udp", witness), harness.Allow("udp", later), harness.Allow("tcp", later)}, nil,
		"queues: { count: 1 }")
	d := harness.Enforce(t, server.Host(), narrow)
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(narrow)
		from := harness.NewInbox(t, client.Host(), harness.AddrPort(near, harness.UnusedPort()))
		at := map[int]*harness.Inbox{}
		for _, p := range []int{witness, later, never} {
			at[p] = harness.NewInbox(t, server.Host(), harness.AddrPort(far, p))
		}
		shots := func(opened harness.Verdict) []harness.Shot {
			return []harness.Shot{
				harness.Expect(opened, harness.Datagram(t, "a port that a rule opens later", from, at[later],
					harness.AddrPort(far, later))),
				harness.Drops(harness.Datagram(t, "a port that no rule opens", from, at[never],
					harness.AddrPort(far, never))),
				harness.Passes(harness.Datagram(t, "an open port", from, at[witness],
					harness.AddrPort(far, witness))),
			}
		}
		harness.EchoTCP(t, server.Host(), harness.AddrPort(far, later))
		harness.EchoTCP(t, server.Host(), harness.AddrPort(far, never))
		waiting, refused := make(chan net.Conn, 1), make(chan net.Conn, 1)
		go func() {
			waiting <- harness.DialTCP(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, later),
				harness.ArrivalTimeout)
		}()
		// Long enough for one retransmission.
		go func() {
			refused <- harness.DialTCP(t, client.Host(), netip.AddrPort{}, harness.AddrPort(far, never),
				2*time.Second)
		}()
		drops := d.Follow(t, "--drop", "--proto", "tcp", "--address", far.String())
		// A SYN of each, at least; retransmissions if the first was before the log.
		for _, p := range []int{later, never} {
			drops.Await("SYN", 1, func(v harness.LoggedVerdict) bool {
				return v.To == harness.AddrPort(far, p).String()
			})
		}
		for range 3 {
			harness.Volley(t, shots(harness.Drop))
		}
		d.Reload(wide)
		harness.Volley(t, shots(harness.Pass))
		if c := <-waiting; c == nil || !harness.Talks(c) {
			t.Error("a connection that waited for its rule did not come about")
		} else {
			c.Close()
		}
		if <-refused != nil {
			t.Error("a connection without a rule came about")
		}
	})
}
