package state

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestSpoofedFlood: pings and datagrams from invented senders, which this machine answers,
// fill a small table and keep nobody out: the one address that may connect does, in the
// midst of the flood and after it, and what was connected before goes on. Only what no
// rule permits stays out (T33).
func TestSpoofedFlood(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T33")
	const most, batch = 64, 200
	topology := netlab.Pair()
	topology.Hosts[1].Routes = []netlab.Route{
		{Dst: netip.MustParsePrefix("198.18.0.0/15"), Via: harness.IP("192.0.2.1")},
		{Dst: netip.MustParsePrefix("2001:db8:bad::/48"), Via: harness.IP("2001:db8::1")},
	}
	lab := labtest.New(t, topology)
	client, server := lab.Host("client"), lab.Host("server")
	answers := labtest.Capture(t, client, "eth0", netlab.CaptureOptions{})
	rules := append(harness.AllowPing(), harness.Allow("udp", harness.Inward),
		fmt.Sprintf(`{ protocol: tcp, ports: %d, cidr_blocks: [192.0.2.1/32], `+
			`ipv6_cidr_blocks: ["2001:db8::1/128"] }`, harness.Inward))
	d := harness.Enforce(t, server, harness.PolicyWith(rules, nil, fmt.Sprint("max_flows: ", most)))
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, admin, near netip.Addr) {
			at := harness.AddrPort(near, harness.Inward)
			harness.EchoOn(t, server, at)
			unlisted := harness.AddrPort(near, harness.Inward+1)
			harness.EchoTCP(t, server, unlisted)
			before := harness.DialTCP(t, client, netip.AddrPort{}, at, harness.ArrivalTimeout)
			if before == nil {
				t.Fatal("no session before the flood")
			}
			defer before.Close()

			var sent atomic.Uint32
			flood := func() {
				for range batch {
					n := sent.Add(1)
					from := netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
					if near.Is6() {
						from = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xb, 0xad, 14: byte(n >> 8),
							15: byte(n)})
					}
					packet := wire.Echo(from, near, uint16(n), 1, []byte("ping"))
					if n%4 == 0 {
						packet = wire.UDP(harness.AddrPort(from, 1024+int(n%60000)), at, []byte("question"))
					}
					if err := client.Device("eth0").Send(packet); err != nil {
						t.Error(err)
						return
					}
				}
			}
			connects := func(when string) {
				for i := range 10 {
					c := harness.DialTCP(t, client, netip.AddrPort{}, at, harness.ArrivalTimeout)
					if c == nil {
						t.Errorf("%s: connection %d does not come about", when, i)
						continue
					}
					if !harness.Talks(c) {
						t.Errorf("%s: connection %d does not go on", when, i)
					}
					c.Close()
				}
				if harness.Connects(t, client, netip.AddrPort{}, unlisted, harness.SilenceTimeout) {
					t.Errorf("%s: a port without a rule is open", when)
				}
				if !harness.Talks(before) {
					t.Errorf("%s: the session from before the flood is over", when)
				}
			}
			for range 20 {
				flood()
				time.Sleep(10 * time.Millisecond) // or the queue drops most of it
			}
			connects("after the flood")
			stop := make(chan struct{})
			var flooding sync.WaitGroup
			flooding.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						flood()
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
			connects("in the midst of the flood")
			close(stop)
			flooding.Wait()

			var doc struct {
				Flows struct {
					Live     int
					Answered int `json:"evicted_answered"`
					Refused  int `json:"refused_full"`
				}
			}
			d.Document(&doc, "status")
			if f := doc.Flows; f.Answered < most || f.Live > most || f.Refused > 0 {
				t.Errorf("after %d packets from invented senders: %+v", sent.Load(), f)
			}
			if got := answers.Count(answersFlood); got < most {
				t.Errorf("the flood got %d answers", got)
			}
		})
}

// answersFlood reports whether a packet goes to an invented sender.
func answersFlood(p netlab.Packet) bool {
	if p.Bytes[0]>>4 == 4 {
		return p.Bytes[16] == 198 && p.Bytes[17] == 18
	}
	return p.Bytes[28] == 0x0b && p.Bytes[29] == 0xad
}
