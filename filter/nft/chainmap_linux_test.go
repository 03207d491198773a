package nft

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// TestMapsOfDevices: a device among more than one map holds is queued in each hook,
// and one that is not among them is not; the rules stay few.
func TestMapsOfDevices(t *testing.T) {
	host, peer := pair(t)
	table := host.open()
	p := plan(policy.FailDrop)
	for i := range 2*mapLength + 3 {
		p.Devices = append(p.Devices, Device{Name: fmt.Sprint("tap", i), Mode: policy.Mode(i % 2)})
	}
	host.apply(table, p)
	knock(t, host, peer, true, "eth0 not among many")
	for _, at := range []int{0, mapLength, len(p.Devices)} {
		with := p.clone()
		with.Devices = slices.Insert(with.Devices, at, Device{Name: "eth0"},
			Device{Name: "tap*", Mode: policy.ModeGuest})
		host.apply(table, with)
		knock(t, host, peer, false, fmt.Sprintf("eth0 at %d of many", at))
		if err := table.Verify(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range table.chains {
		if c.hook != nil && len(c.rules) > 12 {
			t.Errorf("chain %s has %d rules", c.name, len(c.rules))
		}
	}
}

// TestMapsAreOurs: nobody can change the chain of a device unnoticed, and a chain that
// uses another map is reported.
func TestMapsAreOurs(t *testing.T) {
	host := newLab(t)
	table := host.open()
	table.features.owner, table.features.persist = false, false
	host.apply(table, plan(policy.FailDrop, "eth0", "eth1"))
	snap, err := table.s.read(chainNames(table.chains),
		func(s *snapshot) error { return s.holds(table.chains) })
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.maps) != 4 {
		t.Errorf("maps %v, want one for each hook's device and direction",
			slices.Sorted(maps.Keys(snap.maps)))
	}
	other := host.foreign()
	key := make([]byte, unix.IFNAMSIZ)
	copy(key, "eth2")
	for name := range snap.maps {
		set, err := other.GetSetByName(ourTable, name)
		if err != nil {
			t.Fatal(err)
		}
		// The library refuses to ask for what an anonymous set cannot do.
		set.Anonymous = false
		if err := other.SetAddElements(set,
			[]nftables.SetElement{{Key: key, VerdictData: accept().(*expr.Verdict)}}); err != nil {
			t.Fatal(err)
		}
		if err := other.Flush(); !errors.Is(err, unix.EBUSY) {
			t.Errorf("%s: an element added: %v, want %v", name, err, unix.EBUSY)
		}
		snap.maps[name]["eth1"] = "elsewhere"
		if err := snap.holds(table.chains); !errors.Is(err, ErrAltered) {
			t.Errorf("%s leads eth1 elsewhere: %v", name, err)
		}
		snap.maps[name] = map[string]string{}
	}
}

// BenchmarkWalk is what the rules about so many other devices cost a packet.
func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			host, peer := newLab(b), newLab(b)
			join(host, "eth0", []string{"10.7.0.1/24"}, peer, "eth0", []string{"10.7.0.2/24"})
			p := plan(policy.FailDrop)
			for i := range n {
				p.Devices = append(p.Devices, Device{Name: fmt.Sprint("tap", i)})
			}
			host.apply(host.open(), p)
			peer.udp("10.7.0.2:9999")
			c, to := host.udp("10.7.0.1:0"), &net.UDPAddr{IP: net.IPv4(10, 7, 0, 2), Port: 9999}
			for b.Loop() {
				if _, err := c.WriteTo([]byte("x"), to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
