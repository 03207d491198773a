package netlab_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestWhoSeesWhatTheInputHookDrops proves the package comment: with everything
// dropped in the input hook a capture still sees packets, and neither sockets nor
// counters do; a send through a packet socket passes a closed output hook, and
// one through a raw socket does not.
func TestWhoSeesWhatTheInputHookDrops(t *testing.T) {
	const proto = 253 // RFC 3692: for experiments
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	from, to := client.Device("eth0"), server.Device("eth0")
	raw, err := server.ListenRaw(t.Context(), proto, netip.IPv4Unspecified())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	out, err := client.ListenRaw(t.Context(), proto, netip.IPv4Unspecified())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	capture := labtest.Capture(t, server, "eth0",
		netlab.CaptureOptions{Filter: func(p netlab.Packet) bool {
			return p.Bytes[0]>>4 == 4 && p.Bytes[9] == proto
		}})
	send := func(payload string) {
		t.Helper()
		if err := from.Send(wire.Proto(from.IPv4(), to.IPv4(), proto, []byte(payload))); err != nil {
			t.Fatal(err)
		}
		if _, err := capture.Wait(labtest.Within(t, patience), ends(payload)); err != nil {
			t.Fatalf("%s: the capture did not see it: %v", payload, err)
		}
	}
	arrives := func(want string, limit time.Duration) bool {
		t.Helper()
		if err := raw.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, _, err := raw.ReadFromIP(b)
		return err == nil && string(b[:n]) == want
	}
	delivered := func() int64 {
		t.Helper()
		c, err := server.Counters()
		if err != nil {
			t.Fatal(err)
		}
		return c["Ip.InDelivers"]
	}

	send("open")
	if !arrives("open", patience) {
		t.Error("the raw socket did not see a packet that nobody drops")
	}
	closeHook(t, server, nftables.ChainHookInput)
	before := delivered()
	send("closed")
	if arrives("closed", 50*time.Millisecond) {
		t.Error("the raw socket saw a packet that the input hook drops")
	}
	if now := delivered(); now != before {
		t.Errorf("%d packets delivered behind a closed hook", now-before)
	}

	closeHook(t, client, nftables.ChainHookOutput)
	if _, err := out.WriteToIP([]byte("socket"), &net.IPAddr{IP: to.IPv4().AsSlice()}); err == nil {
		t.Error("a raw socket sent through a closed output hook")
	}
	send("behind")
	if n := capture.Count(ends("socket")); n != 0 {
		t.Error("a packet passed a closed output hook")
	}
}

// TestExchangeMeetsAClosedHook: a drop is silence until the deadline, over either
// transport and family.
func TestExchangeMeetsAClosedHook(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s, err := server.ServeEcho(t.Context(), netlab.Any(80))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	families(t, server.Device("eth0"), func(t *testing.T, addr netip.Addr) {
		c, err := client.Dial(labtest.Within(t, patience), "tcp", netip.AddrPortFrom(addr, 80))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := netlab.Exchange(labtest.Within(t, patience), c); err != nil {
			t.Error(err)
		}
	})
	closeHook(t, server, nftables.ChainHookInput)
	families(t, server.Device("eth0"), func(t *testing.T, addr netip.Addr) {
		for _, network := range []string{"tcp", "udp"} {
			err := client.Exchange(labtest.Within(t, 50*time.Millisecond), network,
				netip.AddrPortFrom(addr, 80))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want that the deadline was exceeded", network, err)
			}
		}
	})
}

// ends matches packets by their last bytes.
func ends(payload string) func(netlab.Packet) bool {
	return func(p netlab.Packet) bool {
		return len(p.Bytes) >= len(payload) && string(p.Bytes[len(p.Bytes)-len(payload):]) == payload
	}
}

// closeHook drops everything in one hook of the host.
func closeHook(t *testing.T, h *netlab.Host, hook *nftables.ChainHook) {
	t.Helper()
	conn, err := nftables.New(nftables.WithNetNSFd(h.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	drop := nftables.ChainPolicyDrop
	table := conn.AddTable(&nftables.Table{Name: "closed", Family: nftables.TableFamilyINet})
	conn.AddChain(&nftables.Chain{
		Name: "closed", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}
