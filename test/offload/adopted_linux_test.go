package offload

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// serveVariable makes this program an echo server at an address, and nothing else: a process
// may not have so many files that both ends of all connections are its own.
const serveVariable = "SGFW_TEST_SERVE"

// serve answers connections until it is killed, and ends only if it cannot.
func serve(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go func() {
			defer c.Close()
			// Not spliced, which takes a pipe for each connection.
			io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 2048))
		}()
	}
}

// serveElsewhere has another process of a host answer connections until the test ends.
func serveElsewhere(t *testing.T, h *netlab.Host, at netip.AddrPort) {
	t.Helper()
	c := h.Command(os.Args[0])
	c.Env = append(os.Environ(), serveVariable+"="+at.String())
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the server says %q: %v", line, err)
	}
}

// TestAdoptsMany starts a daemon that permits nothing beside 10,000 connections, and beside some
// that one side has ended: all of them are adopted and go on, carried or judged, and of the half
// ones the other half. A new connection does not come about.
func TestAdoptsMany(t *testing.T) {
	t.Parallel()
	for _, datapath := range []string{"userspace", "offload"} {
		t.Run(datapath, func(t *testing.T) {
			const many, dialers, half, tried = 10_000, 8, 10, 100
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server")
			at := harness.AddrPort(server.Device("eth0").IPv6(), harness.Inward)
			serveElsewhere(t, server, at)
			conns := make([]net.Conn, many)
			var dialing sync.WaitGroup
			for i := range dialers {
				dialing.Go(func() {
					for n := i; n < many && !t.Failed(); n += dialers {
						c, err := client.Dial(t.Context(), "tcp", at)
						if err == nil {
							conns[n] = c
							err = echoed(c, []byte{byte(n), byte(n >> 8)})
						}
						if err != nil {
							t.Errorf("connection %d: %v", n, err)
						}
					}
				})
			}
			dialing.Wait()
			defer func() {
				for _, c := range conns {
					if c != nil {
						c.Close()
					}
				}
			}()
			if t.Failed() {
				return
			}
			type pair struct{ ends, goesOn net.Conn }
			var halves []pair
			for _, a := range harness.BothAddresses(server.Device("eth0")) {
				accepted := harness.Accepting(t, server, harness.AddrPort(a, harness.Outward))
				for i := range half / 2 {
					c, err := client.Dial(t.Context(), "tcp", harness.AddrPort(a, harness.Outward))
					if err != nil {
						t.Fatal(err)
					}
					p := pair{c, harness.Accept(t, accepted)}
					if i%2 == 1 {
						p.ends, p.goesOn = p.goesOn, p.ends
					}
					t.Cleanup(func() { p.ends.Close(); p.goesOn.Close() })
					if !harness.Delivers(p.ends, p.goesOn, harness.ArrivalTimeout) ||
						!harness.Delivers(p.goesOn, p.ends, harness.ArrivalTimeout) {
						t.Fatal("a connection is mute without a daemon")
					}
					if err := p.ends.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
						t.Fatal(err)
					}
					if n, err := p.goesOn.Read(make([]byte, 1)); n > 0 || err != io.EOF {
						t.Fatalf("read %d bytes after the end: %v", n, err)
					}
					halves = append(halves, p)
				}
			}
			d := harness.Enforce(t, server, harness.PolicyWith(nil, nil, "datapath: "+datapath))
			adopted := make(map[string]int)
			for _, f := range d.Flows() {
				if f.Adopted {
					adopted[fmt.Sprint(netip.MustParseAddrPort(f.Local).Port())]++
				}
			}
			if adopted[fmt.Sprint(harness.Inward)] != many || adopted[fmt.Sprint(harness.Outward)] != half {
				t.Errorf("adopted by port: %v, want %d and %d", adopted, many, half)
			}
			for n := 0; n < many; n += many / tried {
				if err := echoed(conns[n], random(1000)); err != nil {
					t.Errorf("connection %d: %v", n, err)
				}
			}
			for i, p := range halves {
				for range 3 {
					if !harness.Delivers(p.goesOn, p.ends, harness.ArrivalTimeout) {
						t.Errorf("half of connection %d is cut", i)
					}
				}
			}
			if c := harness.DialTCP(t, client, netip.AddrPort{}, at, harness.SilenceTimeout); c != nil {
				c.Close()
				t.Error("a new connection comes about")
			}
		})
	}
}
