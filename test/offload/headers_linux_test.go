package offload

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/wire"
)

// TestLargeDatagrams sends datagrams that need fragments within a carried flow: they arrive
// whole, and what is small is carried as before.
func TestLargeDatagrams(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, rounds = 7000, 20
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	servers(t, h, p)
	for _, w := range ways(h) {
		c := carriedFlow(t, d, w, p)
		before := d.Status()
		for i := range rounds {
			if err := echoed(c, random(4000+i)); err != nil {
				t.Errorf("%s: a large datagram: %v", w.name, err)
				break
			}
			if asks(c, 1, harness.ArrivalTimeout) > 0 {
				t.Errorf("%s: a small datagram among large ones was not answered", w.name)
			}
		}
		carried, judged := carriedSince(t, d, before)
		// What is small is carried for sure; what is large is, where it is whole again.
		if carried < 2*rounds || carried+judged < 4*rounds {
			t.Errorf("%s: %d were carried, %d judged, want %d in all", w.name, carried, judged, 4*rounds)
		}
	}
}

// TestUnusualHeaders sends datagrams of a carried flow that have options or extension
// headers: they arrive, and those with extension headers are judged.
func TestUnusualHeaders(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, source, rounds = 7000, 7777, 10
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	eth0 := h.Outside.Device("eth0")
	for _, w := range ways(h) {
		if !w.inward {
			continue
		}
		in := harness.NewInbox(t, w.to, harness.AddrPort(w.dst, p))
		src, dst := netip.AddrPortFrom(w.src, source), netip.AddrPortFrom(w.dst, p)
		sends := func(options ...wire.Option) (carried, judged uint64) {
			before := d.Status()
			for range rounds {
				content := random(16)
				if err := eth0.Send(wire.UDP(src, dst, content, options...)); err != nil {
					t.Fatal(err)
				}
				if _, ok := in.Receives(content, harness.ArrivalTimeout); !ok {
					t.Fatalf("%s: a datagram did not arrive", w.name)
				}
			}
			return carriedSince(t, d, before)
		}
		sends() // the flow begins
		if carried, judged := sends(); carried != rounds || judged > 0 {
			t.Errorf("%s: plain: %d carried, %d judged", w.name, carried, judged)
		}
		if w.src.Is4() { // options are no header of their own: ports are where they are said to be
			if carried, judged := sends(wire.IPOptions(1, 1, 1, 1)); carried+judged != rounds {
				t.Errorf("%s: with options: %d carried, %d judged", w.name, carried, judged)
			}
		} else if carried, judged := sends(wire.DestinationOptions(1, 2, 0, 0)); carried > handful ||
			judged != rounds { // of what is judged a handful is counted as carried, too
			t.Errorf("%s: with destination options: %d carried, %d judged", w.name, carried, judged)
		}
		if carried, judged := sends(); carried != rounds || judged > 0 {
			t.Errorf("%s: plain again: %d carried, %d judged", w.name, carried, judged)
		}
	}
}
