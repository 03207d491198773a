package packet_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// oracle is another project's parser, slow and complete.
type oracle struct {
	ip4  layers.IPv4
	ip6  layers.IPv6
	ext  layers.IPv6ExtensionSkipper
	tcp  layers.TCP
	udp  layers.UDP
	icmp layers.ICMPv4
	six  layers.ICMPv6

	v4, v6  *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType
}

func newOracle() *oracle {
	o := &oracle{}
	all := []gopacket.DecodingLayer{&o.ip4, &o.ip6, &o.ext, &o.tcp, &o.udp, &o.icmp, &o.six}
	o.v4 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, all...)
	o.v6 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv6, all...)
	o.v4.IgnoreUnsupported, o.v6.IgnoreUnsupported = true, true
	return o
}

// accepts reports whether the oracle understood b from end to end.
func (o *oracle) accepts(b []byte) bool {
	parser := o.v4
	if b[0]>>4 == 6 {
		// Behind a hop-by-hop header the oracle counts as many trailing bytes as
		// the header has into the payload.
		parser, b = o.v6, b[:40+int(binary.BigEndian.Uint16(b[4:]))]
	}
	return parser.DecodeLayers(b, &o.decoded) == nil && !parser.Truncated
}

func (o *oracle) saw(t gopacket.LayerType) bool { return slices.Contains(o.decoded, t) }

// addr converts an address of the oracle's.
func addr(ip []byte) conntrack.Addr {
	if len(ip) == 4 {
		return conntrack.Addr4([4]byte(ip))
	}
	return conntrack.Addr16([16]byte(ip))
}

// agree compares p with what the oracle made of the same bytes, if it accepts
// them. It returns the number of facts compared.
func (o *oracle) agree(t *testing.T, b []byte, p *packet.Packet) int {
	if !o.accepts(b) {
		return 0
	}
	n := 0
	check := func(what string, got, want any) {
		t.Helper()
		n++
		if got != want {
			t.Errorf("%s: %v, oracle says %v\n%x\n%+v\n%v", what, got, want, b, facts(*p), o.decoded)
		}
	}
	v4 := b[0]>>4 == 4
	if tunnel := o.decoded[1:]; slices.Contains(tunnel, layers.LayerTypeIPv4) ||
		slices.Contains(tunnel, layers.LayerTypeIPv6) {
		// The oracle went on into the tunnel and forgot the outside.
		if p.Kind != packet.KindOther && p.Kind != packet.KindFragment {
			t.Errorf("tunnel %x is %v", b, p.Kind)
		}
		return 1
	}
	if v4 {
		check("source", p.Src, addr(o.ip4.SrcIP))
		check("destination", p.Dst, addr(o.ip4.DstIP))
		check("length", p.Length, uint32(o.ip4.Length))
		check("hop limit", p.HopLimit, o.ip4.TTL)
		check("protocol", p.Proto, uint8(o.ip4.Protocol))
		fragment := o.ip4.FragOffset != 0
		check("later fragment", p.Kind == packet.KindFragment, fragment)
		check("first fragment", p.First, !fragment && o.ip4.Flags&layers.IPv4MoreFragments != 0)
		if fragment || p.First {
			return n // the oracle looks into neither
		}
	} else {
		check("source", p.Src, addr(o.ip6.SrcIP))
		check("destination", p.Dst, addr(o.ip6.DstIP))
		check("length", p.Length, 40+uint32(o.ip6.Length))
		check("hop limit", p.HopLimit, o.ip6.HopLimit)
		if o.saw(layers.LayerTypeIPv6Fragment) {
			return n // the oracle takes its reserved byte for a length
		}
	}

	saw := func(t gopacket.LayerType, p uint8) bool {
		return o.saw(t) && (!v4 || uint8(o.ip4.Protocol) == p)
	}
	switch p.Kind {
	case packet.KindTCP:
		if !o.saw(layers.LayerTypeTCP) {
			return n // behind an authentication header
		}
		check("protocol", p.Proto, uint8(6))
		check("source port", p.SrcPort, uint16(o.tcp.SrcPort))
		check("destination port", p.DstPort, uint16(o.tcp.DstPort))
		check("sequence", p.TCP.Seq, o.tcp.Seq)
		check("acknowledgement", p.TCP.Ack, o.tcp.Ack)
		check("segment length", p.TCP.Len, uint32(len(o.tcp.Payload)))
		for _, f := range []struct {
			name string
			bit  conntrack.TCPFlags
			want bool
		}{
			{"FIN", conntrack.FIN, o.tcp.FIN}, {"SYN", conntrack.SYN, o.tcp.SYN},
			{"RST", conntrack.RST, o.tcp.RST}, {"PSH", conntrack.PSH, o.tcp.PSH},
			{"ACK", conntrack.ACK, o.tcp.ACK}, {"URG", conntrack.URG, o.tcp.URG},
			{"ECE", conntrack.ECE, o.tcp.ECE}, {"CWR", conntrack.CWR, o.tcp.CWR},
		} {
			check(f.name, p.TCP.Flags&f.bit != 0, f.want)
		}
	case packet.KindUDP:
		if !o.saw(layers.LayerTypeUDP) {
			return n
		}
		check("protocol", p.Proto, uint8(17))
		check("source port", p.SrcPort, uint16(o.udp.SrcPort))
		check("destination port", p.DstPort, uint16(o.udp.DstPort))
	case packet.KindICMP:
		check("ICMP seen", o.saw(layers.LayerTypeICMPv4), true)
		check("type", p.ICMPType, o.icmp.TypeCode.Type())
		check("code", p.ICMPCode, o.icmp.TypeCode.Code())
		if p.Trackable() {
			check("identifier", p.ICMPID, o.icmp.Id)
		}
		if p.Quoted {
			n += o.agreeQuote(t, slices.Clone(o.icmp.Payload), p)
		}
	case packet.KindICMPv6:
		if !o.saw(layers.LayerTypeICMPv6) {
			return n
		}
		check("protocol", p.Proto, uint8(58))
		check("type", p.ICMPType, o.six.TypeCode.Type())
		check("code", p.ICMPCode, o.six.TypeCode.Code())
		if p.Trackable() {
			check("identifier", p.ICMPID, binary.BigEndian.Uint16(o.six.Payload))
		}
	default:
		check("tcp seen", saw(layers.LayerTypeTCP, 6), false)
		check("udp seen", saw(layers.LayerTypeUDP, 17), false)
		check("icmp seen", saw(layers.LayerTypeICMPv4, 1) && v4, false)
		check("icmpv6 seen", saw(layers.LayerTypeICMPv6, 58) && !v4, false)
	}
	return n
}

// agreeQuote compares a quote with the oracle's view of the same bytes.
func (o *oracle) agreeQuote(t *testing.T, b []byte, p *packet.Packet) int {
	var ip layers.IPv4
	if err := ip.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		return 0
	}
	q := &p.Quote
	if q.Src != addr(ip.SrcIP) || q.Dst != addr(ip.DstIP) || q.Proto != uint8(ip.Protocol) ||
		(q.Kind == packet.KindFragment) != (ip.FragOffset != 0) {
		t.Errorf("quote %+v, oracle says %+v", *q, ip)
	}
	if q.Kind == packet.KindTCP || q.Kind == packet.KindUDP {
		if q.SrcPort != binary.BigEndian.Uint16(ip.Payload) ||
			q.DstPort != binary.BigEndian.Uint16(ip.Payload[2:]) {
			t.Errorf("quote %+v, oracle says %x", *q, ip.Payload)
		}
	}
	return 4
}

// laws checks what must be true of any frame, and returns the facts compared
// with the oracle.
func laws(t *testing.T, o *oracle, b []byte, more uint32, info uint32, cut int) int {
	length := uint32(len(b)) + more%200_000
	full := packet.Frame{Bytes: b, Length: length, Info: info}
	var p packet.Packet
	fault := p.Parse(full)
	if fault >= packet.NumFaults {
		t.Fatal("unknown fault", uint8(fault))
	}

	// What is copied of a packet decides whether it is understood, never how.
	var c packet.Packet
	cutFault := c.Parse(packet.Frame{Bytes: window(b, cut, 0xee), Length: length, Info: info})
	if cutFault == packet.NoFault {
		got, want := facts(c), facts(p)
		if got.QuoteFault == packet.FaultBeyondCopy {
			got.QuoteFault, want.Quote, want.Quoted, want.QuoteFault = packet.NoFault, packet.Quote{}, false,
				packet.NoFault
		}
		if fault != packet.NoFault || !same(got, want) {
			t.Fatalf("%d bytes of %x:\ngot  %+v\nwant %+v fault %v", cut, b, got, want, fault)
		}
	}
	if fault != packet.NoFault {
		return 0
	}
	if p.Length > length || p.Quoted && p.QuoteFault != packet.NoFault ||
		p.Kind == packet.KindFragment && p.Trackable() {
		t.Fatalf("%x: %+v", b, p)
	}
	if !p.Src.Is4() && b[0]>>4 == 4 || p.Src.Is4() && b[0]>>4 == 6 {
		t.Fatalf("families meet: %x: %+v", b, p)
	}
	if p.Trackable() {
		for _, d := range []conntrack.Direction{conntrack.Ingress, conntrack.Egress} {
			var filled conntrack.Tuple
			if p.FillTuple(&filled, 1, d); filled != p.Tuple(1, d) {
				t.Fatalf("%+v: tuple %+v or %+v", p, filled, p.Tuple(1, d))
			}
		}
	}
	// The oracle knows nothing of offloads and copy ranges.
	var alone packet.Packet
	if alone.Parse(packet.Frame{Bytes: b}) != packet.NoFault {
		return 0
	}
	return o.agree(t, b, &alone)
}

func FuzzParse(f *testing.F) {
	for _, g := range goods {
		f.Add(g.frame.Bytes, g.frame.Length, g.frame.Info, uint16(40))
	}
	for _, b := range bads {
		f.Add(b.frame.Bytes, b.frame.Length, b.frame.Info, uint16(28))
	}
	o := newOracle()
	f.Fuzz(func(t *testing.T, b []byte, more, info uint32, cut uint16) {
		laws(t, o, b, more, info, int(cut)%(len(b)+1))
	})
}

// TestParseMutated is the fuzzer without its patience: random changes of known
// packets, each of which keeps the lengths right often enough to get far.
func TestParseMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	o := newOracle()
	compared := 0
	for range 100_000 {
		g := goods[r.IntN(len(goods))]
		b := bytes.Clone(g.frame.Bytes)
		for range r.IntN(4) {
			b[r.IntN(min(len(b), 100))] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			b = append(b, make([]byte, r.IntN(64))...)
		}
		more, info := uint32(0), uint32(0)
		if r.IntN(8) == 0 {
			more, info = r.Uint32(), packet.InfoGSO
		}
		compared += laws(t, o, b, more, info, r.IntN(len(b)+1))
		if t.Failed() {
			return
		}
	}
	// Nothing compared would prove nothing.
	if compared < 100_000 {
		t.Error("only", compared, "facts compared")
	}
}
