package wire_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"

	"sgfw/test/wire"
)

// whole puts fragments together again the slow way, with gopacket's reading of
// offsets and flags: a map of bytes by position.
func whole(t *testing.T, fragments [][]byte) []byte {
	t.Helper()
	bytesAt, end := make(map[int]byte), -1
	for _, f := range fragments {
		var offset int
		var data []byte
		var more bool
		p := decode(t, f)
		if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
			offset, data, more = int(ip.FragOffset)*8, ip.Payload, ip.Flags&layers.IPv4MoreFragments != 0
			if wire.Checksum(f[:20]) != 0 {
				t.Error("bad header checksum")
			}
		} else {
			h := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment)
			offset, data, more = int(h.FragmentOffset)*8, h.LayerPayload(), h.MoreFragments
		}
		for i, b := range data {
			bytesAt[offset+i] = b
		}
		if !more {
			end = offset + len(data)
		}
	}
	if end < 0 || len(bytesAt) != end {
		t.Fatalf("%d bytes of %d", len(bytesAt), end)
	}
	out := make([]byte, end)
	for i := range out {
		out[i] = bytesAt[i]
	}
	return out
}

func TestFragmentsMakeTheWhole(t *testing.T) {
	families(t, func(t *testing.T, src, dst netip.Addr) {
		payload := make([]byte, 3000)
		for i := range payload {
			payload[i] = byte(i)
		}
		packet := wire.UDP(port(src, 1000), port(dst, 2000), payload)
		body := packet[20:]
		if src.Is6() {
			body = packet[40:]
		}
		for _, mtu := range []int{56, 576, 1280, 1500, 9000} {
			fragments := wire.Fragments(packet, mtu, 0xbeef)
			for _, f := range fragments {
				if len(f) > mtu {
					t.Errorf("MTU %d: a fragment of %d bytes", mtu, len(f))
				}
			}
			if got := whole(t, fragments); !bytes.Equal(got, body) {
				t.Errorf("MTU %d: the fragments do not make the packet", mtu)
			}
		}
	})
}

// TestAssembleBytes pins the bytes of an overlapping pair, field by field.
func TestAssembleBytes(t *testing.T) {
	packet := wire.UDP(port(a4, 0x1111), port(b4, 0x2222), []byte("0123456789abcdef"),
		wire.DontFragment())
	first, second := wire.Cut(packet, 0, 16), wire.Cut(packet, 8, -1)
	copy(second.Data, "OVERLAP!")
	got := wire.Assemble(packet, 0x0042, second, first)
	want := []string{
		"45 00 00 24" + // version and header length, TOS, total length 36
			"00 42 00 01" + // identification, no MF, offset 1
			"40 11 f6 82" + // TTL, UDP, checksum
			"c0 00 02 01 c0 00 02 02" +
			"4f 56 45 52 4c 41 50 21 38 39 61 62 63 64 65 66", // OVERLAP!89abcdef
		"45 00 00 24" +
			"00 42 20 00" + // MF, offset 0
			"40 11 d6 83" +
			"c0 00 02 01 c0 00 02 02" +
			"11 11 22 22 00 18", // ports and length of the whole; then checksum and data
	}
	for i := range want {
		w, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(want[i]), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(got[i], w) {
			t.Errorf("fragment %d:\n got % x\nwant % x", i, got[i], w)
		}
	}
}

// TestFragmentHeaderFollowsRouting: RFC 8200 §4.5 keeps hop-by-hop options and
// routing headers in front, and everything else behind.
func TestFragmentHeaderFollowsRouting(t *testing.T) {
	packet := wire.UDP(port(a6, 1), port(b6, 2), make([]byte, 100),
		wire.HopByHop(), wire.Routing(4, 0), wire.DestinationOptions())
	for i, f := range wire.Fragments(packet, 120, 9) {
		// Offsets: header 40, hop-by-hop 8, routing 8, fragment 8.
		if f[6] != 0 || f[40] != 43 || f[48] != 44 || f[56] != 60 {
			t.Fatalf("fragment %d: next headers %d %d %d %d, want 0 43 44 60", i, f[6], f[40], f[48], f[56])
		}
		if got := int(f[4])<<8 | int(f[5]); got != len(f)-40 {
			t.Errorf("fragment %d: payload length %d of %d bytes", i, got, len(f)-40)
		}
	}
}
