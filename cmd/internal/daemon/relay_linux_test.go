package daemon

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/conntrack"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// relay is the namespace of this process as a router between three links, with the
// daemon in this process and a clock in the test's hand. Nobody lives at the
// addresses behind the links, so nothing but the test's own packets is on the way:
// no stack answers a segment that it does not know.
type relay struct {
	*running
	now   *atomic.Int64
	sides [3]*side
	next  uint16 // a port, or what else tells flows apart
}

// side is what lies behind one link of the relay.
type side struct {
	wire *netlab.Device
	sees *netlab.Capture
	// at are its addresses, IPv4 first.
	at [2]netip.Addr
}

const (
	// sentinelPort is open both ways: what is sent there arrives behind what passed.
	sentinelPort = 9
	// patience is for packets that must arrive.
	patience = 10 * time.Second
)

// newRelay starts a daemon with a policy of one queue for the devices eth0, eth1
// and eth2.
func newRelay(t *testing.T, text string) *relay {
	t.Helper()
	topology := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "relay"}}}
	for i := range 3 {
		name := fmt.Sprint("side", i)
		topology.Hosts = append(topology.Hosts, netlab.HostSpec{Name: name})
		topology.Links = append(topology.Links, netlab.LinkSpec{
			A: netlab.End{Host: name, Dev: "eth0"}, B: netlab.End{Host: "relay", Dev: fmt.Sprint("eth", i)},
			Offload: netlab.OffloadOff,
		})
	}
	lab := labtest.New(t, topology)
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		sysctl(t, key, "1")
	}
	for _, key := range []string{"ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter"} {
		sysctl(t, key, "0")
	}
	own, err := os.Open("/proc/self/ns/net")
	must(t, err)
	defer own.Close()

	r := &relay{now: new(atomic.Int64), next: 20000}
	r.now.Store(int64(time.Hour))
	for i := range r.sides {
		dev := lab.Host(fmt.Sprint("side", i)).Device("eth0")
		s := &side{wire: dev, sees: labtest.Capture(t, dev.Host(), "eth0", netlab.CaptureOptions{})}
		name := fmt.Sprint("eth", i)
		moved, err := lab.Host("relay").Netlink().LinkByName(name)
		must(t, err)
		must(t, lab.Host("relay").Netlink().LinkSetNsFd(moved, int(own.Fd())))
		l, err := netlink.LinkByName(name)
		must(t, err)
		t.Cleanup(func() {
			if err := netlink.LinkDel(l); err != nil {
				t.Error(err)
			}
		})
		must(t, netlink.LinkSetUp(l))
		for family, text := range []string{
			fmt.Sprintf("10.%d.0.1/24", i+1), fmt.Sprintf("2001:db8:%d::1/64", i+1)} {
			address(t, l, text)
			s.at[family] = netip.MustParsePrefix(text).Addr()
			for range 8 {
				s.at[family] = s.at[family].Next()
			}
			must(t, netlink.NeighSet(&netlink.Neigh{
				LinkIndex: l.Attrs().Index, Family: [2]int{netlink.FAMILY_V4, netlink.FAMILY_V6}[family],
				State: netlink.NUD_PERMANENT,
				IP:    s.at[family].AsSlice(), HardwareAddr: dev.MAC(),
			}))
		}
		r.sides[i] = s
	}
	cfg, log := config(t, text)
	r.running = beginAt(t, cfg, log, func() conntrack.Time { return conntrack.Time(r.now.Load()) })
	return r
}

// sysctl sets a value of the namespace for the time of the test.
func sysctl(t *testing.T, key, value string) {
	t.Helper()
	path := "/proc/sys/net/" + key
	before, err := os.ReadFile(path)
	must(t, err)
	set := func(v []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(v)
		return err
	}
	must(t, set([]byte(value)))
	t.Cleanup(func() {
		if err := set(before); err != nil {
			t.Error(err)
		}
	})
}

// wait lets the clock go on.
func (r *relay) wait(d time.Duration) { r.now.Add(int64(d)) }

// reload puts another policy in force.
func (r *relay) apply(t *testing.T, text string) {
	t.Helper()
	write(t, r.file, text)
	if _, err := r.Reload(t.Context(), reloadNow); err != nil {
		t.Fatalf("reload: %v", err)
	}
}

// port returns a number that no flow had yet.
func (r *relay) port() uint16 {
	r.next++
	return r.next
}

// passes sends a packet from one side and reports whether it arrives at another.
func (r *relay) passes(t *testing.T, from, to *side, packet []byte) bool {
	t.Helper()
	to.sees.Reset()
	must(t, from.wire.Send(packet))
	for _, p := range r.behind(t, from, to, int(packet[0]>>4)) {
		if routed(p.Bytes, packet) {
			return true
		}
	}
	return false
}

// behind returns what one side has seen when a packet arrives there that another
// side sends now.
func (r *relay) behind(t *testing.T, from, to *side, version int) []netlab.Packet {
	t.Helper()
	content := []byte("sentinel " + strconv.Itoa(int(r.port())))
	end := func(s *side) netip.AddrPort { return netip.AddrPortFrom(s.at[version/6], sentinelPort) }
	must(t, from.wire.Send(wire.UDP(end(from), end(to), content)))
	seen, err := to.sees.Until(labtest.Within(t, patience),
		func(p netlab.Packet) bool { return bytes.HasSuffix(p.Bytes, content) })
	if err != nil {
		t.Fatalf("nothing passes any more: %v", err)
	}
	return seen
}

// routed reports whether a packet is another one behind a router: what differs is
// how far it may still go.
func routed(got, sent []byte) bool {
	const head4, head6 = 20, 40
	switch {
	case len(got) != len(sent) || len(sent) < head4 || got[0] != sent[0]:
		return false
	case sent[0]>>4 == 4:
		return bytes.Equal(got[head4-8:], sent[head4-8:])
	}
	return len(sent) >= head6 && bytes.Equal(got[head6-32:], sent[head6-32:])
}

// state returns the states of the live flows with the number, which is a port of
// theirs or the identifier of a ping.
func (r *relay) state(n uint16) (out []conntrack.State) {
	r.d.enforcer.Engine().Flows().Range(r.d.enforcer.Engine().Now(), func(f conntrack.FlowInfo) bool {
		if f.Tuple.LocalPort == n || f.Tuple.RemotePort == n {
			out = append(out, f.State)
		}
		return true
	})
	return out
}
