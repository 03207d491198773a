package netlab_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// patience bounds every wait for something that must come.
const patience = 5 * time.Second

// families runs f once for each family with the given host's address in it.
func families(t *testing.T, d *netlab.Device, f func(t *testing.T, to netip.Addr)) {
	t.Helper()
	t.Run("v4", func(t *testing.T) { f(t, d.IPv4()) })
	t.Run("v6", func(t *testing.T) { f(t, d.IPv6()) })
}

func TestPingAtOnce(t *testing.T) {
	for range 3 {
		lab := labtest.New(t, netlab.Pair())
		families(t, lab.Host("server").Device("eth0"), func(t *testing.T, to netip.Addr) {
			if _, err := lab.Host("client").Ping(labtest.Within(t, patience),
				netlab.Ping{To: to}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPingThroughRouter(t *testing.T) {
	lab := labtest.New(t, netlab.Router())
	for _, from := range []string{"client", "attacker"} {
		families(t, lab.Host("server").Device("eth0"), func(t *testing.T, to netip.Addr) {
			if _, err := lab.Host(from).Ping(labtest.Within(t, patience),
				netlab.Ping{To: to, Payload: make([]byte, 3000)}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPingMeetsError(t *testing.T) {
	top := netlab.Router()
	top.Hosts[0].Sysctls = map[string]string{
		"net.ipv4.neigh.eth1.retrans_time_ms": "10",
		"net.ipv6.neigh.eth1.retrans_time_ms": "10",
	}
	lab := labtest.New(t, top)
	for _, to := range []string{"198.51.100.99", "2001:db8:2::99"} {
		// Nobody answers there: the router soon gives up asking for its address.
		ctx := labtest.Within(t, patience)
		_, err := lab.Host("client").Ping(ctx, netlab.Ping{To: netip.MustParseAddr(to)})
		var icmp *netlab.ICMPError
		if !errors.As(err, &icmp) {
			t.Errorf("%s: %v, want an ICMP error", to, err)
			continue
		}
		if router := lab.Host("fw").Device("eth0"); icmp.From != router.IPv4() &&
			icmp.From != router.IPv6() {
			t.Errorf("%s: error from %v", to, icmp.From)
		}
	}
}

func TestPingEndsWithContext(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	if err := lab.Host("server").SetSysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	to := lab.Host("server").Device("eth0").IPv4()
	_, err := lab.Host("client").Ping(labtest.Within(t, 100*time.Millisecond), netlab.Ping{To: to})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that the deadline was exceeded", err)
	}
}

func TestPingLinkLocal(t *testing.T) {
	lab := labtest.New(t, netlab.Router())
	// eth1 of fw: there is no such device on the machine or on the other hosts.
	client, fw := lab.Host("server"), lab.Host("fw")
	to, err := client.Device("eth0").LinkLocal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fw.Ping(labtest.Within(t, patience),
		netlab.Ping{To: to.WithZone("eth1")}); err != nil {
		t.Error(err)
	}
}

func TestExchange(t *testing.T) {
	lab := labtest.New(t, netlab.Router())
	client, server := lab.Host("client"), lab.Host("server")
	s, err := server.ServeEcho(t.Context(), netlab.Any(80))
	if err != nil {
		t.Fatal(err)
	}
	families(t, server.Device("eth0"), func(t *testing.T, addr netip.Addr) {
		to, own := netip.AddrPortFrom(addr, 80), netip.AddrPortFrom(client.Device("eth0").IPv4(), 4321)
		if addr.Is6() {
			own = netip.AddrPortFrom(client.Device("eth0").IPv6(), 4321)
		}
		for _, network := range []string{"tcp", "udp"} {
			if err := client.Exchange(labtest.Within(t, patience), network, to); err != nil {
				t.Errorf("%s: %v", network, err)
			}
			c, err := client.Dial(labtest.Within(t, patience), network, to, netlab.From(own))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := c.LocalAddr().String(); got != own.String() {
				t.Errorf("%s: from %v, want %v", network, got, own)
			}
			for range 2 {
				if err := netlab.Exchange(labtest.Within(t, patience), c); err != nil {
					t.Errorf("%s: %v", network, err)
				}
			}
			// Nobody listens there.
			err = client.Exchange(labtest.Within(t, patience), network, netip.AddrPortFrom(addr, 81))
			if !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("%s, port 81: %v, want refused", network, err)
			}
		}
	})
	if err := s.Close(); err != nil { // it still holds connections
		t.Error(err)
	}
}

// TestExchangeNeedsTheSameBack: silence and wrong bytes are failures.
func TestExchangeNeedsTheSameBack(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	at := netip.AddrPortFrom(lab.Host("server").Device("eth0").IPv4(), 80)
	l, err := lab.Host("server").ListenPacket(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = lab.Host("client").Exchange(labtest.Within(t, 50*time.Millisecond), "udp", at)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	go func() {
		for {
			b := make([]byte, 1500)
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			b[n-1]++
			_, _ = l.WriteTo(b[:n], from)
		}
	}()
	err = lab.Host("client").Exchange(labtest.Within(t, patience), "udp", at)
	if !errors.Is(err, netlab.ErrWrongEcho) {
		t.Errorf("wrong bytes: %v", err)
	}
}

func TestSysctlsStayInTheHost(t *testing.T) {
	top := netlab.Pair()
	top.Hosts[0].Sysctls = map[string]string{
		"net.ipv4.ip_default_ttl":         "17",
		"net.ipv4.conf.eth0.rp_filter":    "1",
		"net/ipv6/conf/default/hop_limit": "18",
	}
	before, err := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl")
	if err != nil {
		t.Fatal(err)
	}
	lab := labtest.New(t, top)
	for key, want := range map[string]string{
		"net.ipv4.ip_default_ttl":      "17",
		"net.ipv4.conf.eth0.rp_filter": "1",
		"net.ipv6.conf.eth0.hop_limit": "18", // from conf.default, written before eth0 was made
	} {
		if got, err := lab.Host("client").Sysctl(key); err != nil || got != want {
			t.Errorf("client: %s is %q (%v), want %q", key, got, err, want)
		}
		if got, err := lab.Host("server").Sysctl(key); err != nil || got == want {
			t.Errorf("server: %s is %q (%v), want another value", key, got, err)
		}
	}
	if after, _ := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl"); string(after) != string(before) {
		t.Errorf("the machine's TTL went from %s to %s", before, after)
	}
	for _, key := range []string{"kernel.hostname", "net/../kernel/hostname"} {
		if err := lab.Host("client").SetSysctl(key, "x"); err == nil {
			t.Errorf("%s: a setting of the machine was accepted", key)
		}
	}
}

func TestForwardOnlyWhereAsked(t *testing.T) {
	top := netlab.Router()
	top.Hosts[0].Forward = false
	lab := labtest.New(t, top)
	families(t, lab.Host("server").Device("eth0"), func(t *testing.T, to netip.Addr) {
		if _, err := lab.Host("client").Ping(labtest.Within(t, 200*time.Millisecond),
			netlab.Ping{To: to}); err == nil {
			t.Error("a host that does not forward forwarded")
		}
	})
}

func TestStaticNeighbours(t *testing.T) {
	for name, neighbours := range map[string]netlab.Neighbours{
		"static": netlab.NeighboursStatic, "discovered": netlab.NeighboursDiscovered,
	} {
		t.Run(name, func(t *testing.T) {
			top := netlab.Pair()
			top.Links[0].Neighbours = neighbours
			lab := labtest.New(t, top)
			static := neighbours == netlab.NeighboursStatic
			// The server neither answers nor asks for a MAC address by ARP.
			if err := lab.Host("server").SetSysctl("net.ipv4.conf.eth0.arp_ignore", "8"); err != nil {
				t.Fatal(err)
			}
			icmp := labtest.Capture(t, lab.Host("server"), "eth0",
				netlab.CaptureOptions{Filter: func(p netlab.Packet) bool {
					return p.Bytes[0]>>4 == 6 && p.Bytes[6] == wire.ProtoICMPv6
				}})
			to := lab.Host("server").Device("eth0")
			if _, err := lab.Host("client").Ping(labtest.Within(t, patience),
				netlab.Ping{To: to.IPv6()}); err != nil {
				t.Error(err)
			}
			until, err := icmp.Until(labtest.Within(t, patience),
				func(p netlab.Packet) bool { return p.Bytes[40] == wire.ICMPv6Echo })
			if err != nil {
				t.Fatal(err)
			}
			asked := slices.ContainsFunc(until,
				func(p netlab.Packet) bool { return p.Bytes[40] == wire.ICMPv6NeighborSolicit })
			if asked == static {
				t.Errorf("neighbour solicitations: %v", asked)
			}
			limit := patience
			if !static {
				limit = 100 * time.Millisecond
			}
			_, err = lab.Host("client").Ping(labtest.Within(t, limit), netlab.Ping{To: to.IPv4()})
			if (err == nil) != static {
				t.Errorf("ping without ARP: %v", err)
			}
		})
	}
}

func TestMTU(t *testing.T) {
	top := netlab.Router()
	top.Links[1].MTU = 1300
	lab := labtest.New(t, top)
	families(t, lab.Host("server").Device("eth0"), func(t *testing.T, to netip.Addr) {
		c, err := lab.Host("client").Dial(t.Context(), "udp", netip.AddrPortFrom(to, 9),
			netlab.Sockopt(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		deadline := time.Now().Add(patience)
		for {
			if _, err = c.Write(make([]byte, 1400)); errors.Is(err, unix.EMSGSIZE) {
				return // the router's "too big" has come back
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v, want that the packet is too big for the path", err)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestCountersAndRawSocketsLieBehindTheHost(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	server := lab.Host("server")
	families(t, server.Device("eth0"), func(t *testing.T, to netip.Addr) {
		counter := "Icmp.InEchos"
		if to.Is6() {
			counter = "Icmp6.InEchos"
		}
		before, err := server.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lab.Host("client").Ping(labtest.Within(t, patience),
			netlab.Ping{To: to}); err != nil {
			t.Fatal(err)
		}
		after, err := server.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if after[counter] != before[counter]+1 {
			t.Errorf("%s went from %d to %d", counter, before[counter], after[counter])
		}
		raw, err := server.ListenRaw(t.Context(), 99, to)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		local := netip.IPv4Unspecified()
		if to.Is6() {
			local = netip.IPv6Unspecified()
		}
		sender, err := lab.Host("client").ListenRaw(t.Context(), 99, local)
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close()
		if _, err := sender.WriteToIP([]byte("by number"), &net.IPAddr{IP: to.AsSlice()}); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := raw.ReadFromIP(b); err != nil || string(b[:n]) != "by number" {
			t.Errorf("%q %v", b[:n], err)
		}
	})
}

// TestCountersOfThisKernel: every name that the documentation promises is there.
func TestCountersOfThisKernel(t *testing.T) {
	lab := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "one"}}})
	c, err := lab.Host("one").Counters()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"Ip.InDelivers", "Udp.InDatagrams", "Icmp.InMsgs", "TcpExt.TCPTimeouts", "IpExt.OutMcastPkts",
		"Ip6.InDelivers", "Udp6.InDatagrams", "Icmp6.InEchos", "Icmp6.OutMLDv2Reports",
	} {
		if _, ok := c[name]; !ok {
			t.Errorf("no counter %s", name)
		}
	}
}
