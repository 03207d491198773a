package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestAdopted starts the daemon on a machine that has connections already, and permits
// nothing. They go on, whoever speaks first, and end as others do; without adoption they are
// cut. What others begin does not pass.
func TestAdopted(t *testing.T) {
	for _, c := range []struct {
		protected, direction string
		args                 []string
	}{
		{"server", "ingress", nil}, {"client", "egress", nil},
		{"server", "ingress", []string{"--no-adopt"}}, {"client", "egress", []string{"--no-adopt"}},
	} {
		t.Run(fmt.Sprint(c.protected, c.args), func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			var streams []harness.Connection
			var asked []net.Conn
			for _, a := range harness.BothAddresses(server) {
				at := harness.AddrPort(a, harness.Inward)
				streams = append(streams, connected(t, client.Host(), harness.Anywhere, at,
					harness.Accepting(t, server.Host(), at)))
				at = harness.AddrPort(a, harness.Outward)
				harness.EchoOn(t, server.Host(), at)
				asked = append(asked, conversing(t, client.Host(), at))
			}
			d := harness.Prepare(t, lab.Host(c.protected), harness.PolicyWith(nil, nil))
			d.Start(c.args...)

			adopts := c.args == nil
			for _, s := range streams {
				if !adopts {
					if !s.Cut() {
						t.Errorf("%s goes on without adoption", s.Caller.RemoteAddr())
					}
					continue
				}
				if !harness.Delivers(s.Callee, s.Caller, harness.ArrivalTimeout) ||
					!harness.Delivers(s.Caller, s.Callee, harness.ArrivalTimeout) {
					t.Errorf("%s was cut", s.Caller.RemoteAddr())
				}
				local, remote := s.Callee.LocalAddr().String(), s.Callee.RemoteAddr().String()
				if c.protected == "client" {
					local, remote = remote, local
				}
				f := d.InState(t, "established", "tcp", local, remote)
				if !f.Adopted || !f.Tracked || f.Direction != c.direction || f.Expires < 400000 ||
					f.Packets.Egress+f.Packets.Ingress == 0 {
					t.Errorf("listed as %+v", f)
				}
				s.Caller.Close()
				if n, err := s.Callee.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
					t.Errorf("read %d bytes after the end, %v", n, err)
				}
				s.Callee.Close()
				d.InState(t, harness.BothEnded(), "tcp", local, remote)
			}
			if c.protected == "client" { // the server's socket is one for all
				for _, u := range asked {
					if adopts != harness.Talks(u) {
						t.Errorf("UDP to %s goes on: %t", u.RemoteAddr(), !adopts)
					}
					f, _ := d.Flow("udp", u.LocalAddr().String(), u.RemoteAddr().String())
					if f.Adopted != adopts || adopts && (f.State != "stream" || f.Direction != "egress") {
						t.Errorf("listed as %+v", f)
					}
				}
			}
			for _, a := range harness.BothAddresses(server) {
				if harness.Connects(t, client.Host(), harness.Anywhere, harness.AddrPort(a, harness.Outward),
					harness.SilenceTimeout) {
					t.Errorf("a new connection to %s passed", a)
				}
			}
			if n := len(d.Flows()); !adopts && n > 0 {
				t.Errorf("%d flows without adoption", n)
			}
		})
	}
}

// connected is a connection that works, and of which no daemon knows.
func connected(t *testing.T, from *netlab.Host, as, at netip.AddrPort,
	conns <-chan net.Conn) harness.Connection {
	t.Helper()
	c := harness.DialTCP(t, from, as, at, harness.ArrivalTimeout)
	if c == nil {
		t.Fatalf("no connection to %s", at)
	}
	t.Cleanup(func() { c.Close() })
	s := harness.Connection{Caller: c, Callee: harness.Accept(t, conns)}
	if !s.Lives() {
		t.Fatalf("the connection to %s is mute", at)
	}
	return s
}

// conversing is a UDP socket that has been answered.
func conversing(t *testing.T, from *netlab.Host, at netip.AddrPort) net.Conn {
	t.Helper()
	c, err := from.Dial(labtest.Within(t, harness.ArrivalTimeout), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for range 2 { // one answer alone is no stream
		if !harness.Talks(c) {
			t.Fatalf("no answer from %s", at)
		}
	}
	return c
}

// aloof is a policy for both devices of the router that permits a sentinel and nothing else.
func aloof(view string) string {
	return fmt.Sprintf(`
version: 1
security_groups:
  - name: aloof
    description: A sentinel alone
    ingress: [{ protocol: udp, ports: %d, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
    egress: [{ protocol: udp, ports: %[1]d, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
interfaces:
  - { device: eth0, security_groups: [aloof], view: %[2]s }
  - { device: eth1, security_groups: [aloof], view: %[2]s }
`, sentinelPort, view) + harness.OneQueue
}

const sentinelPort = 7009

// TestAdoptedForwarded starts the daemon on a router that hides one side behind its own
// address, so that the kernel tracks connections. Those that both sides spoke on go on, TCP
// and UDP. One forged packet before the start proves nothing, nor does one after it: not of
// a connection that does not exist, and not of one that differs in one port from one that does.
func TestAdoptedForwarded(t *testing.T) {
	for _, view := range []string{"local", "wire"} {
		for _, args := range [][]string{nil, {"--no-adopt"}} {
			t.Run(fmt.Sprint(view, args), func(t *testing.T) {
				t.Parallel()
				adoptForwarded(t, view, args)
			})
		}
	}
}

func adoptForwarded(t *testing.T, view string, args []string) {
	lab := labtest.New(t, netlab.Router())
	client, server, fw := lab.Host("client"), lab.Host("server"), lab.Host("fw")
	harness.Masquerade(t, fw, "eth1")
	device, a := client.Device("eth0"), server.Device("eth0").IPv4()
	at := harness.AddrPort(a, harness.Inward)
	s := connected(t, client, harness.Anywhere, at, harness.Accepting(t, server, at))
	echo := harness.AddrPort(a, harness.Outward)
	harness.EchoOn(t, server, echo)
	u := conversing(t, client, echo)
	mute := harness.NewInbox(t, server, harness.AddrPort(a, 7002))

	from := netip.MustParseAddrPort(s.Caller.LocalAddr().String())
	// forged are packets of connections that nobody has.
	forged := func() (packets, contents [][]byte) {
		tcp := func(src, dst netip.AddrPort) {
			b := harness.Nonce()
			packets = append(packets, wire.TCP(src, dst, wire.ACK|wire.PSH, 1000, 2000, b))
			contents = append(contents, b)
		}
		tcp(netip.AddrPortFrom(from.Addr(), 5555), harness.AddrPort(a, 7003))
		tcp(netip.AddrPortFrom(from.Addr(), from.Port()^1), at)
		tcp(from, netip.AddrPortFrom(a, at.Port()+5))
		b := harness.Nonce()
		packets = append(packets, wire.UDP(netip.AddrPortFrom(from.Addr(), 5556),
			harness.AddrPort(a, 7002), b))
		return packets, append(contents, b)
	}
	sniffed := labtest.Capture(t, server, "eth0", netlab.CaptureOptions{})
	inbox := harness.NewInbox(t, server, harness.AddrPort(a, sentinelPort))
	sender := harness.NewInbox(t, client, harness.AddrPort(from.Addr(), 40000))
	// passed is how many forged packets reach the server's link.
	passed := func() (n int) {
		packets, contents := forged()
		for _, p := range packets {
			if err := device.Send(p); err != nil {
				t.Fatal(err)
			}
		}
		last := sender.Send(t, harness.AddrPort(a, sentinelPort))
		if _, ok := inbox.Receives(last, harness.ArrivalTimeout); !ok {
			t.Fatal("the sentinel did not pass")
		}
		seen, err := sniffed.Until(labtest.Within(t, harness.ArrivalTimeout),
			func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, last) })
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range contents {
			if slices.ContainsFunc(seen, func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, b) }) {
				n++
			}
		}
		return n
	}
	if n := passed(); n != 4 {
		t.Fatalf("%d of 4 forged packets pass without a daemon", n)
	}
	_ = mute

	d := harness.Prepare(t, fw, aloof(view))
	d.Start(args...)
	if n := passed(); n != 0 {
		t.Errorf("%d forged packets passed", n)
	}
	if args != nil {
		if !s.Cut() || harness.Talks(u) {
			t.Error("a connection goes on without adoption")
		}
		return
	}
	if !harness.Delivers(s.Callee, s.Caller, harness.ArrivalTimeout) ||
		!harness.Delivers(s.Caller, s.Callee, harness.ArrivalTimeout) {
		t.Error("the connection was cut")
	}
	if !harness.Talks(u) {
		t.Error("the conversation was cut")
	}
	adopted := 0
	for _, f := range d.Flows() {
		if f.Adopted {
			adopted++
		}
	}
	if adopted != 4 { // each at two devices
		t.Errorf("%d flows are adopted, want 4: %+v", adopted, d.Flows())
	}
}

// TestClosedAdoptsNothing: where no policy was ever good nothing passes, and what exists
// already is no exception.
func TestClosedAdoptsNothing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	at := harness.AddrPort(server.Device("eth0").IPv4(), harness.Inward)
	s := connected(t, client, harness.Anywhere, at, harness.Accepting(t, server, at))
	d := harness.Prepare(t, server, "version: 1\ninterfaces: [{ device: eth0 }]\nmistake: 1\n")
	d.Start()
	if !s.Cut() {
		t.Error("the connection goes on")
	}
	if f := d.Flows(); len(f) > 0 {
		t.Errorf("flows: %+v", f)
	}
}

// TestAdoptedAsymmetric: what comes in through one device and is answered through another one
// goes on where they share a scope. Routing names only the device of the answers.
func TestAdoptedAsymmetric(t *testing.T) {
	t.Parallel()
	far, near := roundabout(t)
	var open []harness.Connection
	for i, a := range nearSelf {
		at := harness.AddrPort(a, 9000) // no rule has it
		open = append(open, connected(t, far, netip.AddrPortFrom(farSelf[i], 0), at,
			harness.Accepting(t, near, at)))
	}
	harness.Enforce(t, near, roundaboutPolicy("uplinks"))
	for i, s := range open {
		if !harness.Delivers(s.Callee, s.Caller, harness.ArrivalTimeout) || !s.Lives() {
			t.Errorf("%s was cut", nearSelf[i])
		}
		if harness.Connects(t, far, netip.AddrPortFrom(farSelf[i], 0),
			harness.AddrPort(nearSelf[i], 9000), harness.SilenceTimeout) {
			t.Errorf("%s: a new connection passed", nearSelf[i])
		}
	}
}

// TestConnectedIsNoProof: under the rules of a daemon that was killed a process has a UDP socket
// for what they do not permit. The next daemon does not take that for a conversation; what
// passed before the first one goes on.
func TestConnectedIsNoProof(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	a := server.Device("eth0").IPv4()
	at, to := harness.AddrPort(a, harness.Inward), harness.AddrPort(a, harness.Outward)
	s := connected(t, client, harness.Anywhere, at, harness.Accepting(t, server, at))
	harness.EchoOn(t, server, to)
	d := harness.Prepare(t, client, harness.PolicyWith(nil, nil))
	d.Start()
	u, err := client.Dial(labtest.Within(t, harness.ArrivalTimeout), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	d.Kill()
	d.Start()
	if !harness.Silenced(u) {
		t.Error("a socket that was connected under the rules passes them")
	}
	if f, ok := d.Flow("udp", u.LocalAddr().String(), to.String()); ok {
		t.Errorf("adopted: %+v", f)
	}
	if !harness.Delivers(s.Callee, s.Caller, harness.ArrivalTimeout) || !s.Lives() {
		t.Error("the connection from before is cut")
	}
}
