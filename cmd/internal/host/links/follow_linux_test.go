package links

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// follow runs Follow and hands back the states that it delivered.
func follow(t *testing.T, w *Watcher) <-chan Snapshot {
	t.Helper()
	s, err := w.Read()
	must(t, err)
	return followFrom(t, w, s)
}

// followFrom is follow of what has changed since a snapshot.
func followFrom(t *testing.T, w *Watcher, s Snapshot) <-chan Snapshot {
	t.Helper()
	states := make(chan Snapshot, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- w.Follow(ctx, s, func(s Snapshot) { states <- s }, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Follow = %v, want context.Canceled", err)
		}
	})
	return states
}

// await reads states until one is as wanted.
func await(t *testing.T, states <-chan Snapshot, what string, ok func(Snapshot) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case s := <-states:
			if ok(s) {
				return
			}
		case <-deadline:
			t.Fatalf("never saw %s", what)
		}
	}
}

func TestFollowSeesChanges(t *testing.T) {
	h := namespace(t)
	states := follow(t, open(t))

	d := veth(t, h, "veth0")
	addr(t, h, d, "192.0.2.7/24", 0)
	await(t, states, "the new address", func(s Snapshot) bool {
		return reflect.DeepEqual(addresses(s, "veth0"), ips("192.0.2.7"))
	})
	a, err := netlink.ParseAddr("192.0.2.7/24")
	must(t, err)
	must(t, h.AddrDel(d, a))
	await(t, states, "the address gone", func(s Snapshot) bool {
		return len(s.Facts.Links) > 0 && len(addresses(s, "veth0")) == 0
	})
	must(t, h.LinkDel(d))
	await(t, states, "the link gone", func(s Snapshot) bool {
		for _, l := range s.Facts.Links {
			if l.Name == "veth0" {
				return false
			}
		}
		return true
	})
}

// A burst that overflows the notification buffer is a hint like any other.
func TestFollowSurvivesLostNotifications(t *testing.T) {
	h := namespace(t)
	w := open(t)
	must(t, w.events.SetReceiveBufferSize(2048, true))
	d := veth(t, h, "veth0")
	states := follow(t, w)
	const last = 250
	for i := 1; i <= last; i++ {
		addr(t, h, d, fmt.Sprintf("10.0.0.%d/32", i), 0)
	}
	await(t, states, "all addresses",
		func(s Snapshot) bool { return len(addresses(s, "veth0")) == last })
}

func TestFollowEndsWhenClosed(t *testing.T) {
	namespace(t)
	w, err := Open()
	must(t, err)
	s, err := w.Read()
	must(t, err)
	done := make(chan error)
	go func() { done <- w.Follow(context.Background(), s, func(Snapshot) {}, nil) }()
	w.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Error("Follow of a closed watcher returned nil")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Follow did not end")
	}
}

// TestRenamesAreNotWaitedFor: the groups of a name judge the device that has it, at once,
// also in a burst of changes. Anything else waits for the burst to be over.
func TestRenamesAreNotWaitedFor(t *testing.T) {
	h := namespace(t)
	must(t, h.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "one"}, PeerName: "two"}))
	one, err := h.LinkByName("one")
	must(t, err)
	two, err := h.LinkByName("two")
	must(t, err)
	w := open(t)
	w.pause = time.Hour
	states := follow(t, w)
	index := func(s Snapshot, name string) int {
		for _, l := range s.Facts.Links {
			if l.Name == name {
				return int(l.Index)
			}
		}
		return 0
	}
	veth(t, h, "first")
	await(t, states, "what begins a burst", func(s Snapshot) bool { return index(s, "first") != 0 })
	for range 3 {
		later := veth(t, h, "later")
		must(t, h.LinkSetName(one, "other"))
		must(t, h.LinkSetName(two, "one"))
		must(t, h.LinkSetName(one, "two"))
		await(t, states, "the names exchanged", func(s Snapshot) bool {
			return index(s, "one") == two.Attrs().Index && index(s, "two") == one.Attrs().Index
		})
		one, two = two, one
		must(t, h.LinkDel(later))
	}
}

// TestAltnamesAreFollowed: what a device is also called is told, and one name more is not
// waited for in a burst of changes.
func TestAltnamesAreFollowed(t *testing.T) {
	h := namespace(t)
	d := veth(t, h, "veth0")
	must(t, h.LinkAddAltName(d, "zulu"))
	must(t, h.LinkAddAltName(d, "a-name-that-is-longer-than-a-name-can-be"))
	altnames := func(s Snapshot) []string {
		l, _ := s.Facts.Named("veth0")
		return l.Altnames
	}
	w := open(t)
	w.pause = time.Hour
	from, err := w.Read()
	must(t, err)
	veth(t, h, "first") // the first look sees it, whenever that is
	states := followFrom(t, w, from)
	first := []string{"a-name-that-is-longer-than-a-name-can-be", "zulu"}
	await(t, states, "what begins a burst", func(s Snapshot) bool {
		_, there := s.Facts.Named("first")
		return there && reflect.DeepEqual(altnames(s), first)
	})
	must(t, h.LinkAddAltName(d, "lan"))
	await(t, states, "one more", func(s Snapshot) bool {
		l, there := s.Facts.Named("lan")
		return there && l.Name == "veth0"
	})
	must(t, h.LinkDelAltName(d, "lan"))
	must(t, h.LinkAddAltName(d, "wan"))
	await(t, states, "another one", func(s Snapshot) bool {
		_, there := s.Facts.Named("lan")
		return !there && len(altnames(s)) == 3
	})
	// A device that comes with an altname is filtered once that is heard of, and passes until
	// then: it is not waited for either.
	late := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "late"}, PeerName: "late-peer"}
	must(t, h.LinkAdd(late))
	must(t, h.LinkAddAltName(late, "uplink"))
	must(t, h.LinkSetUp(late))
	await(t, states, "a new one", func(s Snapshot) bool {
		l, there := s.Facts.Named("uplink")
		return there && l.Name == "late"
	})
	for _, l := range []string{"first", "veth0"} {
		if s, err := w.Read(); err != nil {
			t.Fatal(err)
		} else if got, _ := s.Facts.Named(l); got.Hardware || got.Enslaved {
			t.Errorf("%+v is a veth of its own", got)
		}
	}
}
