package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/wire"
)

// message is a shot of one ICMP message with the content as its body.
func message(t *testing.T, what string, from *netlab.Device, at *harness.RawInbox, src,
	dst netip.Addr, kind, code uint8) harness.Shot {
	return harness.Raw(t, what, from, at, func(content []byte) []byte {
		return wire.ICMP(src, dst, kind, code, 0x00070001, content)
	})
}

// failure is a shot of an ICMP error about a UDP datagram that nobody sent, so
// that no flow covers it (T24) and the rules decide.
func failure(t *testing.T, what string, from *netlab.Device, at *harness.RawInbox, src,
	dst netip.Addr, kind, code uint8) harness.Shot {
	return harness.Raw(t, what, from, at, func(content []byte) []byte {
		return wire.Error(src, dst, kind, code, 1400,
			wire.UDP(harness.AddrPort(dst, 5005), harness.AddrPort(src, 6006), content))
	})
}
