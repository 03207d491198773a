package live

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// reaches reports whether a TCP connection comes about, whatever it carries.
func reaches(t *testing.T, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	c := harness.DialTCP(t, h, netip.AddrPort{}, to, wait)
	if c != nil {
		c.Close()
	}
	return c != nil
}
