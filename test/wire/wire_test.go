package wire_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"sgfw/test/wire"
)

var (
	a4, b4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	a6, b6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// families runs f with the two ends of either family.
func families(t *testing.T, f func(t *testing.T, src, dst netip.Addr)) {
	t.Helper()
	t.Run("v4", func(t *testing.T) { f(t, a4, b4) })
	t.Run("v6", func(t *testing.T) { f(t, a6, b6) })
}

func port(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }

// decode lets gopacket take the packet apart; any complaint fails the test.
func decode(t *testing.T, b []byte) gopacket.Packet {
	t.Helper()
	first := gopacket.Decoder(layers.LayerTypeIPv4)
	if b[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	p := gopacket.NewPacket(b, first, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("gopacket: %v\n%s", e.Error(), hex.Dump(b))
	}
	return p
}

// resummed is the packet with the checksums and lengths that gopacket computes.
func resummed(t *testing.T, p gopacket.Packet) []byte {
	t.Helper()
	var all []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		if s, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := s.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, l.(gopacket.SerializableLayer))
	}
	out := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(out,
		gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestAgreesWithGopacket has gopacket read each packet and write it again with
// its own lengths and checksums: the bytes must be the same.
func TestAgreesWithGopacket(t *testing.T) {
	families(t, func(t *testing.T, src, dst netip.Addr) {
		for _, payload := range []string{"", "x", "even", "odd payload"} {
			body := []byte(payload)
			for name, b := range map[string][]byte{
				"tcp": wire.TCP(port(src, 1234), port(dst, 443), wire.SYN|wire.ACK, 0xdeadbeef,
					0xfeedface, body),
				"tcp options": wire.TCP(port(src, 1), port(dst, 2), wire.SYN, 7, 0, body,
					wire.TCPOptions(2, 4, 5, 0xb4, 4, 2), wire.Window(9)),
				"udp": wire.UDP(port(src, 1000), port(dst, 2000), body, wire.HopLimit(3),
					wire.TrafficClass(0xb8)),
			} {
				if got := resummed(t, decode(t, b)); !bytes.Equal(got, b) {
					t.Errorf("%s %q:\ngopacket\n%swire\n%s", name, payload, hex.Dump(got), hex.Dump(b))
				}
			}
		}
	})
}

// TestICMPChecksum compares by hand: gopacket has no layer for the body of an
// ICMPv6 message that it could write again.
func TestICMPChecksum(t *testing.T) {
	b := wire.Echo(a4, b4, 0x1234, 1, []byte("abc"))
	if got := wire.Checksum(b[20:]); got != 0 {
		t.Errorf("ICMP: the checksum over everything is %#x, want 0", got)
	}
	b = wire.Echo(a6, b6, 0x1234, 1, []byte("abc"))
	pseudo := bytes.Join([][]byte{a6.AsSlice(), b6.AsSlice(), {0, 0, 0, 11, 0, 0, 0, 58}, b[40:]}, nil)
	if got := wire.Checksum(pseudo); got != 0 {
		t.Errorf("ICMPv6: the checksum over everything is %#x, want 0", got)
	}
}

func TestICMPFields(t *testing.T) {
	e4 := decode(t, wire.Echo(a4, b4, 0x1234, 5, nil)).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if e4.TypeCode != layers.CreateICMPv4TypeCode(8, 0) || e4.Id != 0x1234 || e4.Seq != 5 {
		t.Errorf("echo: %+v", e4)
	}
	p := decode(t, wire.EchoReply(a6, b6, 0x1234, 5, nil))
	e6 := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if e6.TypeCode != layers.CreateICMPv6TypeCode(129, 0) {
		t.Errorf("echo reply: %+v", e6)
	}
	if e6 := p.Layer(layers.LayerTypeICMPv6Echo).(*layers.ICMPv6Echo); e6.Identifier != 0x1234 ||
		e6.SeqNumber != 5 {
		t.Errorf("echo reply: %+v", e6)
	}
}

func TestErrorsQuoteAndGoToTheSource(t *testing.T) {
	families(t, func(t *testing.T, src, dst netip.Addr) {
		quote := wire.UDP(port(src, 1000), port(dst, 2000), make([]byte, 1400))
		kind, code, most, head := byte(3), byte(4), 576, 20
		if src.Is6() {
			kind, code, most, head = 2, 0, 1280, 40
		}
		b := wire.TooBig(dst, 1300, quote)
		if len(b) != most {
			t.Errorf("%d bytes long, want %d", len(b), most)
		}
		if b[head] != kind || b[head+1] != code || b[head+6] != 1300>>8 || b[head+7] != 1300&0xff {
			t.Errorf("header % x", b[head:head+8])
		}
		if !bytes.HasPrefix(quote, b[head+8:]) {
			t.Error("the quote is not the start of the packet")
		}
		if got := wire.QuotedSource(b); got != dst {
			t.Errorf("from %v, want %v", got, dst)
		}
		flow := decode(t, b).NetworkLayer().NetworkFlow()
		if got, _ := netip.AddrFromSlice(flow.Dst().Raw()); got != src {
			t.Errorf("to %v, want %v", got, src)
		}
		short := wire.UDP(port(src, 1), port(dst, 2), nil)
		for name, e := range map[string]struct {
			b      []byte
			v4, v6 [2]byte
		}{
			"port unreachable": {wire.PortUnreachable(dst, short), [2]byte{3, 3}, [2]byte{1, 4}},
			"time exceeded":    {wire.TimeExceeded(dst, short), [2]byte{11, 0}, [2]byte{3, 0}},
		} {
			want := e.v4
			if src.Is6() {
				want = e.v6
			}
			if got := [2]byte(e.b[head : head+2]); got != want {
				t.Errorf("%s: type and code %v, want %v", name, got, want)
			}
			if !bytes.HasSuffix(e.b, short) {
				t.Errorf("%s: does not quote the whole packet", name)
			}
		}
	})
}

func TestOptions(t *testing.T) {
	udp := func(src, dst netip.Addr, o ...wire.Option) []byte {
		return wire.UDP(port(src, 1), port(dst, 2), []byte("x"), o...)
	}

	ip := decode(t, udp(a4, b4, wire.ID(77), wire.DontFragment(), wire.IPOptions(7, 3, 4))).Layer(
		layers.LayerTypeIPv4).(*layers.IPv4)
	if ip.Id != 77 || ip.Flags != layers.IPv4DontFragment || ip.IHL != 6 {
		t.Errorf("IPv4: %+v", ip)
	}
	p := decode(t, udp(a6, b6, wire.FlowLabel(0xabcde), wire.HopByHop(5, 2, 0, 0),
		wire.DestinationOptions()))
	var kinds []string
	for _, l := range p.Layers() {
		kinds = append(kinds, l.LayerType().String())
	}
	if got, want := strings.Join(kinds, " "),
		"IPv6 IPv6HopByHop IPv6Destination UDP Payload"; got != want {
		t.Errorf("layers %s, want %s", got, want)
	}
	if got := p.NetworkLayer().(*layers.IPv6).FlowLabel; got != 0xabcde {
		t.Errorf("flow label %#x", got)
	}
	good, bad := udp(a4, b4), udp(a4, b4, wire.BadChecksum())
	if bytes.Equal(good, bad) || !bytes.Equal(good[:20], bad[:20]) {
		t.Error("a bad checksum changes the transport header alone")
	}
	if none := udp(a4, b4, wire.NoChecksum()); none[26] != 0 || none[27] != 0 {
		t.Error("a checksum although none was wanted")
	}
	if got := decode(t, wire.GRE(a4, b4, udp(a4, b4))).Layer(layers.LayerTypeGRE); got == nil {
		t.Error("no GRE")
	}
	if b := wire.Proto(a6, b6, wire.ProtoSCTP, []byte{1, 2, 3}); b[6] != 132 ||
		!bytes.Equal(b[40:], []byte{1, 2, 3}) {
		t.Errorf("protocol by number: % x", b)
	}
}

func TestResum(t *testing.T) {
	b := wire.UDP(port(a4, 1), port(b4, 2), nil)
	want := bytes.Clone(b)
	b[8] = 1
	b[10], b[11] = 0xff, 0xff
	wire.Resum(b)
	if got := wire.Checksum(b[:20]); got != 0 {
		t.Errorf("the checksum over the header is %#x, want 0", got)
	}
	b[8] = 64
	if !bytes.Equal(wire.Resum(b), want) {
		t.Error("the old header does not come back")
	}
}

func TestImpossiblePacketsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"two families":  func() { wire.Echo(a4, b6, 1, 1, nil) },
		"no address":    func() { wire.Echo(netip.Addr{}, netip.Addr{}, 1, 1, nil) },
		"too long":      func() { wire.Proto(a4, b4, 17, make([]byte, 65516)) },
		"v4 extension":  func() { wire.Echo(a4, b4, 1, 1, nil, wire.HopByHop()) },
		"v6 IP options": func() { wire.Echo(a6, b6, 1, 1, nil, wire.IPOptions(1)) },
		"odd fragment": func() {
			wire.Assemble(wire.Echo(a4, b4, 1, 1, nil), 1,
				wire.Piece{Offset: 4})
		},
		"no room at all": func() { wire.Fragments(wire.Echo(a4, b4, 1, 1, nil), 24, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
