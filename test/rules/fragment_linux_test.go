package rules

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// fragmented is a way to cut up a datagram for a port that a rule admits and one
// for a port that none does. What arrives is judged whole or not at all
// (T25): the kernel puts fragments together before our hooks, also of
// forwarded packets.
type fragmented struct {
	what string
	// cut returns the fragments of one datagram, all with the same identification.
	cut func(admitted, refused []byte, id uint32) [][]byte
	// arrives tells whether the datagram must get through.
	arrives bool
}

const (
	// mtu is that of the links, and of a sender's fragments.
	mtu = 1500
	// firstID is the identification of the first of the fragmentations.
	firstID = 0x1000
)

func fragmentations() []fragmented {
	pieces := func(p []byte, id uint32, size int) [][]byte { return wire.Fragments(p, size, id) }
	backwards := func(f [][]byte) [][]byte { slices.Reverse(f); return f }
	twice := func(f [][]byte) (out [][]byte) {
		for _, b := range f {
			out = append(out, b, b)
		}
		return out
	}
	return []fragmented{
		{"in order", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu) }, true},
		{"backwards", func(a, _ []byte, id uint32) [][]byte { return backwards(pieces(a, id, mtu)) },
			true},
		{"each twice", func(a, _ []byte, id uint32) [][]byte { return twice(pieces(a, id, mtu)) }, true},
		{"small", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, 300) }, true},
		{"the UDP header alone first", func(a, _ []byte, id uint32) [][]byte {
			return wire.Assemble(a, id, wire.Cut(a, 0, 8), wire.Cut(a, 8, 1400), wire.Cut(a, 1408, 1400),
				wire.Cut(a, 2808, -1))
		}, true},

		{"refused, in order", func(_, r []byte, id uint32) [][]byte { return pieces(r, id, mtu) }, false},
		{"refused, backwards", func(_, r []byte, id uint32) [][]byte {
			return backwards(pieces(r, id, mtu))
		}, false},
		{"refused, each twice", func(_, r []byte, id uint32) [][]byte {
			return twice(pieces(r, id, mtu))
		}, false},
		{"refused, small", func(_, r []byte, id uint32) [][]byte { return pieces(r, id, 300) }, false},
		{"refused, the UDP header alone first", func(_, r []byte, id uint32) [][]byte {
			return wire.Assemble(r, id, wire.Cut(r, 0, 8), wire.Cut(r, 8, 1400), wire.Cut(r, 1408, 1400),
				wire.Cut(r, 2808, -1))
		}, false},

		{"the first alone", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[:1] },
			false},
		{"without the first", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[1:] },
			false},
		{"without the last", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[:2] },
			false},
		{"a hole", func(a, _ []byte, id uint32) [][]byte {
			return slices.Delete(pieces(a, id, mtu), 1, 2)
		}, false},
		{"without the first, in the name of one that passed", func(_, r []byte, _ uint32) [][]byte {
			return pieces(r, firstID, mtu)[1:]
		}, false},

		// The first fragment again, longer by 8 bytes and with other ports: one
		// of the two would lie to the filter or to the receiver (RFC 1858 §4).
		{"ports rewritten to admitted ones", func(a, r []byte, id uint32) [][]byte {
			return slices.Concat(wire.Assemble(r, id, wire.Cut(r, 0, 1400)),
				wire.Assemble(a, id, wire.Cut(a, 0, 1408), wire.Cut(a, 1408, 1400), wire.Cut(a, 2808, -1)))
		}, false},
		{"ports rewritten to refused ones", func(a, r []byte, id uint32) [][]byte {
			return slices.Concat(wire.Assemble(a, id, wire.Cut(a, 0, 1400)),
				wire.Assemble(r, id, wire.Cut(r, 0, 1408), wire.Cut(r, 1408, 1400), wire.Cut(r, 2808, -1)))
		}, false},
		{"ports rewritten by the last fragment", func(a, r []byte, id uint32) [][]byte {
			return slices.Concat(wire.Assemble(r, id, wire.Cut(r, 1400, 1400), wire.Cut(r, 2800, -1)),
				wire.Assemble(a, id, wire.Cut(a, 0, 1408)), wire.Assemble(r, id, wire.Cut(r, 0, 1400)))
		}, false},
		{"an overlap in the middle", func(a, r []byte, id uint32) [][]byte {
			return wire.Assemble(a, id, wire.Cut(a, 0, 1400), wire.Cut(a, 1392, 1400), wire.Cut(a, 2792, -1))
		}, false},
		{"beyond 65535 bytes", func(a, r []byte, id uint32) [][]byte {
			far := wire.Cut(a, 0, 1400)
			far.Offset, far.Last = 65528-1392, true
			return wire.Assemble(a, id, wire.Cut(a, 0, 1400), far)
		}, false},
	}
}

// fragmentPath is where fragments go and who sees what comes out.
type fragmentPath struct {
	from     *netlab.Device
	src, dst netip.AddrPort // dst has the admitted port
	admitted *harness.Inbox
	refused  *harness.Inbox
	// leaks returns everything that arrived since the last call up to the
	// sentinel, in whatever form.
	leaks func(sentinel []byte) [][]byte
}

// try sends every fragmentation and, behind each, a small datagram that passes.
func (p fragmentPath) try(t *testing.T) {
	t.Helper()
	refusedPort := netip.AddrPortFrom(p.dst.Addr(), harness.Outward)
	for i, c := range fragmentations() {
		what := harness.FamilyName(p.dst.Addr()) + ", " + c.what
		marker, sentinel := harness.Nonce(), harness.Nonce()
		payload := bytes.Repeat(marker, 250)
		id := uint32(firstID + i)
		for _, b := range c.cut(wire.UDP(p.src, p.dst, payload), wire.UDP(p.src, refusedPort, payload),
			id) {
			if err := p.from.Send(b); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if err := p.from.Send(wire.UDP(p.src, p.dst, sentinel)); err != nil {
			t.Fatal(err)
		}
		if _, ok := p.admitted.Receives(sentinel, harness.ArrivalTimeout); !ok {
			t.Fatalf("%s: a datagram behind did not pass", what)
		}
		_, arrived := p.admitted.Has(payload)
		if c.arrives && !arrived {
			_, arrived = p.admitted.Receives(payload, harness.ArrivalTimeout)
		}
		if arrived != c.arrives {
			t.Errorf("%s: arrived: %t, want %t", what, arrived, c.arrives)
		}
		if _, ok := p.refused.Has(payload); ok {
			t.Errorf("%s: arrived at a port without a rule", what)
		}
		leaks := p.leaks(sentinel)
		if n := harness.Count(leaks, func(b []byte) bool { return bytes.Contains(b, marker) }); n > 0 &&
			!c.arrives {
			t.Errorf("%s: %d packets with parts of it passed", what, n)
		}
	}
}

// flood leaves many datagrams unfinished. They must not stand in the way of those
// behind them.
func (p fragmentPath) flood(t *testing.T) {
	t.Helper()
	for i := range uint32(200) {
		b := wire.UDP(p.src, p.dst, bytes.Repeat(harness.Nonce(), 250))
		if err := p.from.Send(wire.Fragments(b, mtu, 0x8000+i)[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	payload := bytes.Repeat(harness.Nonce(), 250)
	for _, b := range wire.Fragments(wire.UDP(p.src, p.dst, payload), mtu, 0x9000) {
		if err := p.from.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := p.admitted.Receives(payload, harness.ArrivalTimeout); !ok {
		t.Errorf("%s: a whole datagram behind many unfinished ones did not pass",
			harness.FamilyName(p.dst.Addr()))
	}
}
