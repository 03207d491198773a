package rules

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestMulticastQuery: a question to a group may leave, but what single hosts
// answer to it is new traffic: it comes from another address (X5).
func TestMulticastQuery(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X5")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, asksNames)
	seen := labtest.Capture(t, client, "eth0", netlab.CaptureOptions{})
	index := server.Device("eth0").Index()
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			query := harness.NewInbox(t, server, harness.AddrPort(s, 40000))
			group := &net.UDPAddr{IP: net.ParseIP("224.0.0.251"), Port: 5353}
			raw, err := query.Conn.(*net.UDPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) {
				if s.Is6() {
					group.IP, group.Zone = net.ParseIP("ff02::fb"), "" // the socket option names the device
					err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
				} else {
					err = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
						&unix.IPMreqn{Ifindex: int32(index)})
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(p int) []byte {
				content, to := harness.Nonce(), *group
				to.Port = p
				if _, err := query.Conn.WriteTo(content, &to); err != nil {
					t.Logf("sending to %v: %v", &to, err)
				}
				return content
			}
			refused, asked := ask(5355), ask(5353)
			holds := func(content []byte) func(netlab.Packet) bool {
				return func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, content) }
			}
			if _, err := seen.Wait(labtest.Within(t, harness.ArrivalTimeout), holds(asked)); err != nil {
				t.Fatalf("the question did not leave: %v", err)
			}
			if seen.Count(holds(refused)) > 0 {
				t.Error("a question to a port of the group that egress does not name left")
			}
			responder := harness.NewInbox(t, client, harness.AddrPort(c, 5353))
			harness.Volley(t, []harness.Shot{
				harness.Drops(harness.Datagram(t, "an answer by one host", responder, query,
					harness.AddrPort(s, 40000))),
				harness.Passes(harness.Datagram(t, "what a rule admits", responder,
					harness.NewInbox(t, server, harness.AddrPort(s, 9999)), harness.AddrPort(s, 9999))),
			})
		})
}
