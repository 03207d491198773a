package test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

const asksNames = `
version: 1
security_groups:
  - name: asks
    description: Asks for names
    ingress:
      - { protocol: udp, ports: 9999, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: udp, ports: 53, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 5353, cidr_blocks: [224.0.0.0/4], ipv6_cidr_blocks: ["ff00::/8"] }
interfaces:
  - { device: eth0, security_groups: [asks] }
` + oneQueue

// TestUDPAnswers: the answer to our datagram comes from the address and port
// that it went to, to the port that it came from; anything else is new (T9).
func TestUDPAnswers(t *testing.T) {
	parity.Proves(t, "T9")
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, asksNames)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		asker, idle := newInbox(t, server, port(s, 40000)), newInbox(t, server, port(s, 40001))
		names := newInbox(t, client, port(c, 53))
		volley(t, []shot{
			datagram(t, "an answer before the question", names, asker, port(s, 40000), false),
			datagram(t, "what a rule admits", names, newInbox(t, server, port(s, 9999)), port(s, 9999), true),
		})
		question := asker.send(t, port(c, 53))
		if _, ok := names.receives(question, patience); !ok {
			t.Fatal("the question did not leave")
		}
		volley(t, []shot{
			datagram(t, "an answer from another port", newInbox(t, client, port(c, 5354)), asker, port(s, 40000), false),
			datagram(t, "an answer from another host", newInbox(t, client, port(beside(c, 0x11), 53)), asker, port(s, 40000), false),
			datagram(t, "an answer to another port", names, idle, port(s, 40001), false),
			datagram(t, "a question to a port that egress does not name", asker, newInbox(t, client, port(c, 54)), port(c, 54), false),
			datagram(t, "the answer", names, asker, port(s, 40000), true),
		})
	})
}

// TestMulticastQuery: a question to a group may leave, but what single hosts
// answer to it is new traffic: it comes from another address (X5).
func TestMulticastQuery(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X5")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, asksNames)
	seen := labtest.Capture(t, client, "eth0", netlab.CaptureOptions{})
	index := server.Device("eth0").Index()
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		query := newInbox(t, server, port(s, 40000))
		group := &net.UDPAddr{IP: net.ParseIP("224.0.0.251"), Port: 5353}
		raw, err := query.conn.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if s.Is6() {
				group.IP, group.Zone = net.ParseIP("ff02::fb"), "" // the socket option names the device
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
			} else {
				err = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(p int) []byte {
			content, to := nonce(), *group
			to.Port = p
			if _, err := query.conn.WriteTo(content, &to); err != nil {
				t.Logf("sending to %v: %v", &to, err)
			}
			return content
		}
		refused, asked := ask(5355), ask(5353)
		holds := func(content []byte) func(netlab.Packet) bool {
			return func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, content) }
		}
		if _, err := seen.Wait(labtest.Within(t, patience), holds(asked)); err != nil {
			t.Fatalf("the question did not leave: %v", err)
		}
		if seen.Count(holds(refused)) > 0 {
			t.Error("a question to a port of the group that egress does not name left")
		}
		responder := newInbox(t, client, port(c, 5353))
		volley(t, []shot{
			datagram(t, "an answer by one host", responder, query, port(s, 40000), false),
			datagram(t, "what a rule admits", responder, newInbox(t, server, port(s, 9999)), port(s, 9999), true),
		})
	})
}
