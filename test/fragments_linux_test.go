package test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
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
		{"backwards", func(a, _ []byte, id uint32) [][]byte { return backwards(pieces(a, id, mtu)) }, true},
		{"each twice", func(a, _ []byte, id uint32) [][]byte { return twice(pieces(a, id, mtu)) }, true},
		{"small", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, 300) }, true},
		{"the UDP header alone first", func(a, _ []byte, id uint32) [][]byte {
			return wire.Assemble(a, id, wire.Cut(a, 0, 8), wire.Cut(a, 8, 1400), wire.Cut(a, 1408, 1400), wire.Cut(a, 2808, -1))
		}, true},

		{"refused, in order", func(_, r []byte, id uint32) [][]byte { return pieces(r, id, mtu) }, false},
		{"refused, backwards", func(_, r []byte, id uint32) [][]byte { return backwards(pieces(r, id, mtu)) }, false},
		{"refused, each twice", func(_, r []byte, id uint32) [][]byte { return twice(pieces(r, id, mtu)) }, false},
		{"refused, small", func(_, r []byte, id uint32) [][]byte { return pieces(r, id, 300) }, false},
		{"refused, the UDP header alone first", func(_, r []byte, id uint32) [][]byte {
			return wire.Assemble(r, id, wire.Cut(r, 0, 8), wire.Cut(r, 8, 1400), wire.Cut(r, 1408, 1400), wire.Cut(r, 2808, -1))
		}, false},

		{"the first alone", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[:1] }, false},
		{"without the first", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[1:] }, false},
		{"without the last", func(a, _ []byte, id uint32) [][]byte { return pieces(a, id, mtu)[:2] }, false},
		{"a hole", func(a, _ []byte, id uint32) [][]byte { return slices.Delete(pieces(a, id, mtu), 1, 2) }, false},
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
	admitted *inbox
	refused  *inbox
	// leaks returns everything that arrived since the last call up to the
	// sentinel, in whatever form.
	leaks func(sentinel []byte) [][]byte
}

// try sends every fragmentation and, behind each, a small datagram that passes.
func (p fragmentPath) try(t *testing.T) {
	t.Helper()
	refusedPort := netip.AddrPortFrom(p.dst.Addr(), outward)
	for i, c := range fragmentations() {
		what := family(p.dst.Addr()) + ", " + c.what
		marker, sentinel := nonce(), nonce()
		payload := bytes.Repeat(marker, 250)
		id := uint32(firstID + i)
		for _, b := range c.cut(wire.UDP(p.src, p.dst, payload), wire.UDP(p.src, refusedPort, payload), id) {
			if err := p.from.Send(b); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if err := p.from.Send(wire.UDP(p.src, p.dst, sentinel)); err != nil {
			t.Fatal(err)
		}
		if _, ok := p.admitted.receives(sentinel, patience); !ok {
			t.Fatalf("%s: a datagram behind did not pass", what)
		}
		_, arrived := p.admitted.has(payload)
		if c.arrives && !arrived {
			_, arrived = p.admitted.receives(payload, patience)
		}
		if arrived != c.arrives {
			t.Errorf("%s: arrived: %t, want %t", what, arrived, c.arrives)
		}
		if _, ok := p.refused.has(payload); ok {
			t.Errorf("%s: arrived at a port without a rule", what)
		}
		leaks := p.leaks(sentinel)
		if n := count(leaks, func(b []byte) bool { return bytes.Contains(b, marker) }); n > 0 && !c.arrives {
			t.Errorf("%s: %d packets with parts of it passed", what, n)
		}
	}
}

// flood leaves many datagrams unfinished. They must not stand in the way of those
// behind them.
func (p fragmentPath) flood(t *testing.T) {
	t.Helper()
	for i := range uint32(200) {
		b := wire.UDP(p.src, p.dst, bytes.Repeat(nonce(), 250))
		if err := p.from.Send(wire.Fragments(b, mtu, 0x8000+i)[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	payload := bytes.Repeat(nonce(), 250)
	for _, b := range wire.Fragments(wire.UDP(p.src, p.dst, payload), mtu, 0x9000) {
		if err := p.from.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := p.admitted.receives(payload, patience); !ok {
		t.Errorf("%s: a whole datagram behind many unfinished ones did not pass", family(p.dst.Addr()))
	}
}

// TestFragmentsToHost: the protected host is the receiver.
func TestFragmentsToHost(t *testing.T) {
	parity.Proves(t, "T25")
	t.Parallel()
	lab := labtest.New(t, finished())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	enforce(t, server.Host(), policyWith([]string{allow("udp", inward)}, nil))
	both(t, client, server, func(t *testing.T, from, to netip.Addr) {
		sees := newTap(t, server.Host(), wire.ProtoUDP, to)
		p := fragmentPath{
			from: client, src: port(from, 5000), dst: port(to, inward),
			admitted: newInbox(t, server.Host(), port(to, inward)),
			refused:  newInbox(t, server.Host(), port(to, outward)),
			leaks:    func(sentinel []byte) [][]byte { return sees.until("the sentinel", carrying(sentinel)) },
		}
		p.try(t)
		p.flood(t)
	})
}

// TestFragmentsThroughRouter: the protected host is a router between sender and
// receiver, which cuts datagrams up again behind its hooks; or either end is a
// guest of that router.
func TestFragmentsThroughRouter(t *testing.T) {
	parity.Proves(t, "T25")
	t.Parallel()
	admitted := []string{allow("udp", inward)}
	for what, policy := range map[string]string{
		"router":         policyWith(admitted, nil),
		"from its guest": asGuest(policyWith(nil, admitted), ip("192.0.2.10"), ip("2001:db8:1::10")),
		"to its guest":   asGuest(policyOn("eth1", admitted, nil), ip("198.51.100.10"), ip("2001:db8:2::10")),
	} {
		t.Run(what, func(t *testing.T) { fragmentsThroughRouter(t, policy) })
	}
}

func fragmentsThroughRouter(t *testing.T, policy string) {
	t.Parallel()
	router := netlab.Router()
	for i := range router.Links {
		router.Links[i].Offload = netlab.OffloadOff
	}
	lab := labtest.New(t, router)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	enforce(t, lab.Host("fw"), policy)
	both(t, client, server, func(t *testing.T, from, to netip.Addr) {
		capture := labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{})
		p := fragmentPath{
			from: client, src: port(from, 5000), dst: port(to, inward),
			admitted: newInbox(t, server.Host(), port(to, inward)),
			refused:  newInbox(t, server.Host(), port(to, outward)),
			leaks: func(sentinel []byte) (got [][]byte) {
				packets, err := capture.Until(labtest.Within(t, patience), func(p netlab.Packet) bool { return carrying(sentinel)(p.Bytes) })
				if err != nil {
					t.Error(err)
				}
				for _, p := range packets {
					got = append(got, p.Bytes)
				}
				return got
			},
		}
		p.try(t)
		p.flood(t)
	})
}

// TestLargeDatagrams lets real stacks cut and join 4000 bytes in both directions,
// at the protected host and through a protected router, whose rules ask only
// for the request.
func TestLargeDatagrams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what      string
		topology  netlab.Topology
		protected string
	}{
		{"receiver", netlab.Pair(), "server"},
		{"sender", netlab.Pair(), "client"},
		{"router", netlab.Router(), "fw"},
	} {
		t.Run(c.what, func(t *testing.T) {
			lab := labtest.New(t, c.topology)
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			rules, none := []string{allow("udp", inward)}, []string(nil)
			if c.protected == "client" {
				rules, none = none, rules
			}
			enforce(t, lab.Host(c.protected), policyWith(rules, none))
			for _, a := range families(server) {
				echoOn(t, server.Host(), port(a, inward), port(a, outward))
				if !echoesLarge(t, client, port(a, inward), patience) {
					t.Fatalf("%s: 4000 bytes did not come back", family(a))
				}
				if echoesLarge(t, client, port(a, outward), silence) {
					t.Errorf("%s: 4000 bytes passed without a rule", family(a))
				}
			}
		})
	}
}

// TestTinyFragmentsOfTCP: the first eight bytes of a TCP header have the ports and
// not the flags (RFC 1858 §3). Whatever the kernel makes of it, no SYN arrives at
// a port without a rule, and none through a header that is rewritten later.
func TestTinyFragmentsOfTCP(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, finished())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	enforce(t, server.Host(), policyWith([]string{allow("tcp", inward)}, nil))
	both(t, client, server, func(t *testing.T, from, to netip.Addr) {
		sees := newTap(t, server.Host(), wire.ProtoTCP, to)
		var (
			source   = port(from, 5000)
			markers  = map[string][]byte{}
			sequence uint32
		)
		syn := func(what string, p int) []byte {
			if markers[what] == nil {
				markers[what] = nonce()
			}
			sequence += 1000
			return wire.TCP(source, port(to, p), wire.SYN, sequence, 0, bytes.Repeat(markers[what], 8))
		}
		send := func(packets ...[]byte) {
			for _, b := range packets {
				if err := client.Send(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		refused := syn("tiny first fragment", outward)
		send(wire.Assemble(refused, 1, wire.Cut(refused, 0, 8), wire.Cut(refused, 8, -1))...)
		refused = syn("tiny first fragment last", outward)
		send(wire.Assemble(refused, 2, wire.Cut(refused, 8, -1), wire.Cut(refused, 0, 8))...)
		refused = syn("split behind the flags", outward)
		send(wire.Assemble(refused, 3, wire.Cut(refused, 0, 16), wire.Cut(refused, 16, -1))...)

		// RFC 1858 §4: harmless flags first, then SYN eight bytes in.
		refused = syn("flags rewritten", outward)
		harmless := wire.TCP(source, port(to, outward), wire.ACK, sequence, 1, bytes.Repeat(markers["flags rewritten"], 8))
		send(slices.Concat(wire.Assemble(harmless, 4, wire.Cut(harmless, 0, 40)),
			wire.Assemble(refused, 4, wire.Cut(refused, 8, -1)))...)
		// Ports of a rule first, then others under them.
		admitted := syn("ports rewritten", inward)
		refused = syn("ports rewritten", outward)
		send(slices.Concat(wire.Assemble(admitted, 5, wire.Cut(admitted, 0, 40)),
			wire.Assemble(refused, 5, wire.Cut(refused, 0, 48), wire.Cut(refused, 48, -1)))...)
		admitted = syn("nothing but the rest", inward)
		send(wire.Assemble(admitted, 6, wire.Cut(admitted, 8, -1))...)

		whole := syn("whole", inward)
		send(whole)
		passed := sees.until("a SYN in one piece", carrying(markers["whole"]))
		for what, marker := range markers {
			if n := count(passed, func(b []byte) bool { return bytes.Contains(b, marker) }); n > 0 && what != "whole" {
				t.Errorf("%s: %d packets passed", what, n)
			}
		}
		split := syn("split", inward)
		send(wire.Assemble(split, 7, wire.Cut(split, 0, 24), wire.Cut(split, 24, -1))...)
		sees.until("a SYN in two fragments", carrying(markers["split"]))
	})
}
