package state

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// newCord connects from one host to another; the daemon sees it established.
func newCord(t *testing.T, d *harness.Daemon, from, to *netlab.Host,
	at netip.AddrPort) harness.Connection {
	t.Helper()
	return harness.Connect(t, d, from, at, harness.Accepting(t, to, at))
}
