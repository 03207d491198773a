package offload

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// markBits and priorityBits are those by which the daemon and its rules in the kernel speak.
const (
	markBits     = 3 << 28
	priorityBits = 3 << 29
)

// everything is a rule for all traffic with everybody.
const everything = `{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`

// policy has the same rules for the machine behind eth0 and for the guest behind veth-app.
func policy(ingress, egress []string, settings ...string) string {
	return fmt.Sprintf(`version: 1
security_groups:
  - { name: carried, description: Flows that are carried, ingress: [%s], egress: [%s] }
  - { name: nothing, description: No rules, ingress: [], egress: [] }
interfaces:
  - { device: eth0, security_groups: [carried] }
  - { device: veth-app, mode: guest, security_groups: [carried] }
settings: { %s }
`, strings.Join(ingress, ", "), strings.Join(egress, ", "),
		strings.Join(append([]string{"datapath: offload", harness.InOrder}, settings...), ", "))
}

// both permits TCP and UDP on ports.
func both(ports ...int) (out []string) {
	for _, p := range ports {
		out = append(out, harness.Allow("tcp", p), harness.Allow("udp", p))
	}
	return out
}

// way is one of who asks whom across the firewall.
type way struct {
	name     string
	from, to *netlab.Host
	src, dst netip.Addr
	// inward: the protected side is asked.
	inward bool
}

// ways are those with the machine and with the guest, in both families.
func ways(h harness.Home) (out []way) {
	machine := harness.BothAddresses(h.Fw.Device("eth0"))
	for i, outside := range h.OutsideIPs {
		family := harness.FamilyName(outside)
		out = append(out,
			way{"to the machine " + family, h.Outside, h.Fw, outside, machine[i], true},
			way{"from the machine " + family, h.Fw, h.Outside, machine[i], outside, false},
			way{"to the guest " + family, h.Outside, h.App, outside, h.AppIPs[i], true},
			way{"from the guest " + family, h.App, h.Outside, h.AppIPs[i], outside, false})
	}
	return out
}

// servers answer what they get, on ports of everybody who is asked.
func servers(t testing.TB, h harness.Home, ports ...int) {
	t.Helper()
	at := make(map[netip.Addr]bool)
	for _, w := range ways(h) {
		if !at[w.dst] {
			harness.Echoes(t, w.to, w.dst, ports...)
		}
		at[w.dst] = true
	}
}

// dial opens a connection of either network along the way.
func (w way) dial(t testing.TB, network string, port int, options ...netlab.SocketOption) net.Conn {
	t.Helper()
	c, err := w.from.Dial(t.Context(), network, harness.AddrPort(w.dst, port), options...)
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listed is the flow of a connection along the way, as the daemon lists it.
func (w way) listed(t testing.TB, d *harness.Daemon, network string,
	c net.Conn) harness.ListedFlow {
	t.Helper()
	local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
	if w.inward {
		local, remote = remote, local
	}
	f, ok := d.Flow(network, local, remote)
	if !ok {
		t.Fatalf("%s: no flow %s %s - %s in %+v", w.name, network, local, remote, d.Flows())
	}
	return f
}

// echoed has an echo server send back what it gets, and compares.
func echoed(c net.Conn, content []byte) error {
	c.SetDeadline(time.Now().Add(2 * harness.ArrivalTimeout))
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(content)
		sent <- err
	}()
	got := make([]byte, len(content))
	n, err := io.ReadFull(c, got)
	if err := errors.Join(err, <-sent); err != nil {
		return fmt.Errorf("%d of %d bytes came back: %w", n, len(content), err)
	}
	if !bytes.Equal(got, content) {
		return errors.New("other bytes came back")
	}
	return nil
}

// random is content that nothing else has.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// asks sends n datagrams one after another and waits for the answer of each. It returns how
// many were not answered.
func asks(c net.Conn, n int, wait time.Duration) (lost int) {
	buf := make([]byte, 1<<16)
	for range n {
		content := random(16)
		c.SetDeadline(time.Now().Add(wait))
		_, _ = c.Write(content) // a dropped packet on the output hook is EPERM for its sender
		for {
			n, err := c.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) || err != nil {
				lost++
				break
			}
			if bytes.Equal(buf[:n], content) {
				break
			}
		}
	}
	return lost
}

// carriedSince returns how many packets were carried, and how many were judged, since a
// status.
func carriedSince(t testing.TB, d *harness.Daemon, s harness.StatusDocument) (carried,
	judged uint64) {
	t.Helper()
	time.Sleep(refreshPause)
	now := d.Status()
	if now.Offload == nil || s.Offload == nil {
		t.Fatal("the datapath is not offload")
	}
	return now.Offload.Packets - s.Offload.Packets, now.Queued() - s.Queued()
}

// refreshPause is behind the last collection that somebody asked for.
const refreshPause = 150 * time.Millisecond
