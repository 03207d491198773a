package rules

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// Protocol numbers that package wire does not name (IANA, Protocol Numbers).
const (
	protoUDPLite      = 136
	protoExperimental = 253 // RFC 3692: no kernel knows it
)

// carrier is a shot of a packet of any protocol with the content as its payload.
func carrier(t *testing.T, what string, from *netlab.Device, at *harness.RawInbox, src,
	dst netip.Addr, protocol uint8) harness.Shot {
	return harness.Raw(t, what, from, at,
		func(content []byte) []byte { return wire.Proto(src, dst, protocol, content) })
}

// imitation is a shot whose payload looks like the header of UDP, or of any
// protocol with ports in the same place.
func imitation(t *testing.T, what string, from *netlab.Device, at *harness.RawInbox, src,
	dst netip.Addr, protocol uint8, srcPort, dstPort uint16) harness.Shot {
	return harness.Raw(t, what, from, at, func(content []byte) []byte {
		var b []byte
		b = binary.BigEndian.AppendUint16(b, srcPort)
		b = binary.BigEndian.AppendUint16(b, dstPort)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(content)))
		b = binary.BigEndian.AppendUint16(b, 0) // no checksum
		return wire.Proto(src, dst, protocol, append(b, content...))
	})
}
