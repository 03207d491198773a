package nfqueue

import (
	"bytes"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"sgfw/filter"
	"sgfw/filter/packet"
)

// attrPhysInDev is NFQA_IFINDEX_PHYSINDEV, which no verdict uses.
const attrPhysInDev = 7

func TestDecode(t *testing.T) {
	good := filter.Event{
		Frame: packet.Frame{Bytes: []byte{0x45, 1, 2}, Info: 1},
		In:    2,
		Hook:  filter.HookInput,
	}
	routed := good
	routed.Out = 9
	attrs := func(extra ...attr) []attr {
		return append(extra, goodAttrs(5, 0x45, 1, 2)...)
	}

	tests := []struct {
		name    string
		body    []byte
		fault   fault
		noID    bool
		unknown uint16
		// ev is compared where fault is faultNone.
		ev filter.Event
	}{
		{name: "ordinary", body: body(2, 7, attrs()...), ev: good},
		{name: "IPv6", body: body(10, 7, attrs()...), ev: good},
		{
			name: "all that a verdict uses",
			body: body(2, 7,
				packetHeader(5, 2), attrU32(attrInDev, 3), attrU32(attrOutDev, 4),
				attrU32(attrCapLen, 65000), attrU32(attrSkbInfo, 3), payload(0x45)),
			ev: filter.Event{
				Frame: packet.Frame{Bytes: []byte{0x45}, Length: 65000, Info: 3},
				In:    3, Out: 4, Hook: filter.HookForward,
			},
		},
		{
			name: "from port to port of a bridge",
			body: body(2, 7, packetHeader(5, 2), attrU32(attrInDev, 3), attrU32(attrOutDev, 3),
				attrU32(attrPhysInDev, 7), attrU32(attrPhysOutDev, 8), payload(0x45)),
			ev: filter.Event{Frame: packet.Frame{Bytes: []byte{0x45}}, In: 3, Out: 3,
				Hook: filter.HookForward, Bridged: true},
		},
		{
			name: "from a port of a bridge, routed back to it",
			body: body(2, 7, packetHeader(5, 2), attrU32(attrInDev, 3), attrU32(attrOutDev, 3),
				attrU32(attrPhysInDev, 7), payload(0x45)),
			ev: filter.Event{Frame: packet.Frame{Bytes: []byte{0x45}}, In: 3, Out: 3,
				Hook: filter.HookForward},
		},
		{
			name: "no port in other hooks",
			body: body(2, 7, packetHeader(5, 3), attrU32(attrOutDev, 3), attrU32(attrPhysOutDev, 8),
				payload(0x45)),
			ev: filter.Event{Frame: packet.Frame{Bytes: []byte{0x45}}, Out: 3, Hook: filter.HookOutput},
		},
		{
			name: "payload first",
			body: body(2, 7, payload(1, 2, 3, 4, 5), packetHeader(5, 3)),
			ev:   filter.Event{Frame: packet.Frame{Bytes: []byte{1, 2, 3, 4, 5}}, Hook: filter.HookOutput},
		},
		{
			name: "unknown attribute",
			body: body(2, 7, attrs(attr{99, []byte{1}})...),
			ev:   good, unknown: 1,
		},
		{
			name: "empty unknown attribute",
			body: body(2, 7, attrs(attr{0x3fff, nil})...),
			ev:   good, unknown: 1,
		},
		{name: "nested flag", body: body(2, 7, attrs(attr{0x8000 | 19, []byte{1, 2, 3}})...), ev: good},
		{name: "flag on a known one", body: body(2, 7, attrs(attrU32(0x4000|attrOutDev, 9))...),
			ev: routed},
		{
			name: "trailing bytes too few for an attribute",
			body: append(body(2, 7, packetHeader(5, 3), payload(1, 2, 3, 4)), 9, 9, 9),
			ev:   filter.Event{Frame: packet.Frame{Bytes: []byte{1, 2, 3, 4}}, Hook: filter.HookOutput},
		},

		{name: "nothing", body: nil, fault: faultShort, noID: true},
		{name: "half a header", body: []byte{2, 0, 0}, fault: faultShort, noID: true},
		{name: "header only", body: body(2, 7), fault: faultNoID, noID: true},
		{name: "no id", body: body(2, 7, payload(0x45)), fault: faultNoID, noID: true},
		{
			name:  "short packet header",
			body:  body(2, 7, attr{attrPacketHeader, []byte{0, 0, 0, 5, 8, 0}}, payload(0x45)),
			fault: faultAttribute, noID: true,
		},
		{
			name:  "attribute of length 0",
			body:  append(body(2, 7, packetHeader(5, 1)), 0, 0, 0, 0, 0),
			fault: faultAttribute,
		},
		{
			name:  "attribute of length 3",
			body:  append(body(2, 7, packetHeader(5, 1)), append([]byte{0}, u16s(3, 10)...)...),
			fault: faultAttribute,
		},
		{
			name:  "attribute beyond the message",
			body:  append(body(2, 7, packetHeader(5, 1)), append([]byte{0}, u16s(9, 10, 0, 0)...)...),
			fault: faultAttribute,
		},
		{
			name:  "short index",
			body:  body(2, 7, packetHeader(5, 1), attr{attrInDev, []byte{1, 2, 3}}, payload(0x45)),
			fault: faultAttribute,
		},
		{
			name:  "short length",
			body:  body(2, 7, packetHeader(5, 1), attr{attrCapLen, nil}, payload(0x45)),
			fault: faultAttribute,
		},
		{
			name:  "short info",
			body:  body(2, 7, packetHeader(5, 1), attr{attrSkbInfo, []byte{0}}, payload(0x45)),
			fault: faultAttribute,
		},
		{
			name:  "id after a bad attribute",
			body:  body(2, 7, attr{attrInDev, nil}, packetHeader(5, 1), payload(0x45)),
			fault: faultAttribute,
		},
		{name: "no payload", body: body(2, 7, packetHeader(5, 1)), fault: faultNoPayload},
		{name: "empty payload", body: body(2, 7, packetHeader(5, 1), payload()), fault: faultNoPayload},
		{name: "bridge family", body: body(7, 7, attrs()...), fault: faultFamily},
		{name: "prerouting", body: body(2, 7, packetHeader(5, 0), payload(0x45)),
			ev: filter.Event{Frame: packet.Frame{Bytes: []byte{0x45}}, Hook: filter.HookPrerouting}},
		{name: "postrouting", body: body(2, 7, packetHeader(5, 4), payload(0x45)),
			ev: filter.Event{Frame: packet.Frame{Bytes: []byte{0x45}}, Hook: filter.HookPostrouting}},
		{name: "no hook", body: body(2, 7, packetHeader(5, 5), payload(0x45)), fault: faultHook},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Nothing of an earlier packet may remain.
			m := message{
				ev: filter.Event{
					Frame: packet.Frame{Bytes: []byte{0xff}, Length: 9, Info: 9}, In: 9, Out: 9, Hook: 9,
				},
				id: 9, queue: 9, hasID: true, unknown: 9,
			}
			got := decode(tt.body, &m)
			if got != tt.fault {
				t.Fatalf("fault %d, want %d", got, tt.fault)
			}
			if m.hasID == tt.noID || (m.hasID && m.id != 5) {
				t.Errorf("id %d known %v, want 5 known %v", m.id, m.hasID, !tt.noID)
			}
			if len(tt.body) >= genHeaderLen && m.queue != 7 {
				t.Errorf("queue %d, want 7", m.queue)
			}
			if m.unknown != tt.unknown {
				t.Errorf("%d unknown attributes, want %d", m.unknown, tt.unknown)
			}
			if tt.fault == faultNone {
				if d := cmp.Diff(tt.ev, m.ev); d != "" {
					t.Errorf("event (-want +got):\n%s", d)
				}
			}
		})
	}
}

// u16s returns 16-bit values in host order.
func u16s(vs ...uint16) []byte {
	var b []byte
	for _, v := range vs {
		b = append(b, byte(v), byte(v>>8))
	}
	if bigEndianHost() {
		for i := 0; i < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	return b
}

func bigEndianHost() bool {
	v := uint16(1)
	return *(*byte)(unsafe.Pointer(&v)) == 0
}

// naiveID finds the packet ID in the obvious way: in the last complete packet header before the
// first broken length.
func naiveID(b []byte) (id uint32, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for rest := b[4:]; len(rest) >= 4; {
		n, kind := int(rest[0])|int(rest[1])<<8, int(rest[2])|int(rest[3])<<8&0x3fff
		if bigEndianHost() {
			n, kind = int(rest[1])|int(rest[0])<<8, int(rest[3])|int(rest[2])<<8&0x3fff
		}
		if n < 4 || n > len(rest) {
			break
		}
		if kind == 1 && n >= 4+7 {
			id = uint32(rest[4])<<24 | uint32(rest[5])<<16 | uint32(rest[6])<<8 | uint32(rest[7])
			ok = true
		}
		for n%4 != 0 {
			n++
		}
		if n > len(rest) {
			break
		}
		rest = rest[n:]
	}
	return id, ok
}

func FuzzDecode(f *testing.F) {
	f.Add(body(2, 7, goodAttrs(5, 0x45, 1, 2)...))
	f.Add(body(10, 0, packetHeader(1<<31, 3),
		attrU32(attrCapLen, 70000), payload(bytes.Repeat([]byte{6}, 100)...)))
	f.Add(body(2, 7, attr{99, nil}, payload(), attr{attrInDev, []byte{1}}))
	f.Add([]byte{2, 0, 0, 7, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		var m message
		bad := decode(b, &m)
		if !bytes.Equal(before, b) {
			t.Fatal("decode wrote into the message")
		}
		id, ok := naiveID(b)
		if ok != m.hasID || id != m.id {
			t.Errorf("id %d %v, want %d %v", m.id, m.hasID, id, ok)
		}
		if p := m.ev.Frame.Bytes; len(p) > 0 {
			at := uintptr(unsafe.Pointer(&p[0])) - uintptr(unsafe.Pointer(&b[0]))
			if at < 8 || at+uintptr(len(p)) > uintptr(len(b)) {
				t.Errorf("payload at %d, %d bytes, in a message of %d", at, len(p), len(b))
			}
			if cap(p) != len(p) {
				t.Errorf("payload of %d bytes can grow to %d", len(p), cap(p))
			}
		}
		if bad == faultNone &&
			(!m.hasID || len(m.ev.Frame.Bytes) == 0 || m.ev.Hook > 4) {
			t.Errorf("no fault in %+v", m)
		}
	})
}

// BenchmarkDecode decodes one ordinary packet, of which 128 bytes were copied.
func BenchmarkDecode(b *testing.B) {
	m := body(familyIPv4, 7, goodAttrs(5, bytes.Repeat([]byte{0x45}, 128)...)...)
	var got message
	b.ReportAllocs()
	for b.Loop() {
		if decode(m, &got) != faultNone {
			b.Fatal("fault")
		}
	}
}
