package lifecycle

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestShippedPolicy: what packages install filters nothing until its own
// instructions are followed.
func TestShippedPolicy(t *testing.T) {
	t.Parallel()
	client, server, _ := harness.NewPair(t)
	text, err := os.ReadFile("../../packaging/sgfw.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := harness.Enforce(t, server.Host(), string(text))
	reaches := func(from, to *netlab.Device, port int, wait time.Duration) bool {
		t.Helper()
		at := netip.AddrPortFrom(to.IPv4(), uint16(port))
		defer harness.EchoTCP(t, to.Host(), at).Close()
		return harness.Connects(t, from.Host(), netip.AddrPort{}, at, wait)
	}
	if !reaches(client, server, 7001, harness.ArrivalTimeout) ||
		!reaches(server, client, 7001, harness.ArrivalTimeout) {
		t.Error("the policy as it is shipped filters")
	}
	before, after, ok := strings.Cut(string(text), "\ninterfaces: []\n")
	if !ok {
		t.Fatal("the policy as it is shipped has interfaces")
	}
	d.Reload(before + "\n" + strings.ReplaceAll(after, "# ", ""))
	if reaches(client, server, 7002, harness.SilenceTimeout) {
		t.Error("the policy filters nothing when its instructions were followed")
	}
	if !reaches(server, client, 7002, harness.ArrivalTimeout) {
		t.Error("the policy keeps the machine from going out")
	}
}
