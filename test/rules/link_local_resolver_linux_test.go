package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestLinkLocalResolver: a name server with a link-local address is exempt on the link of
// its zone, which is a device's name or, as systemd-resolved writes it, its number.
func TestLinkLocalResolver(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X2")
	lab := labtest.New(t, netlab.Pair())
	host, peer := lab.Host("server"), lab.Host("client")
	dev := host.Device("eth0")
	name := harness.LinkLocal(t, peer.Device("eth0")).WithZone("")
	harness.EchoOn(t, peer, harness.AddrPort(name.WithZone("eth0"), 53),
		harness.AddrPort(name.WithZone("eth0"), 54))
	d := harness.Prepare(t, host, exempting("resolvers"))
	write := harness.NameServers(t, d)
	d.Start()
	asks := func(port int) func(time.Duration) bool {
		return func(w time.Duration) bool {
			return harness.Exchanges(t, host, "udp", netip.AddrPort{},
				harness.AddrPort(name.WithZone("eth0"), port), w)
		}
	}
	harness.Run(t, []harness.Attempt{
		harness.Drops(harness.Attempt{What: "nobody's name server", Try: asks(53)})})
	for _, zone := range []string{"eth0", fmt.Sprint(dev.Index())} {
		write("192.0.2.53")
		for deadline := time.Now().Add(harness.ArrivalTimeout); asks(53)(harness.SilenceTimeout); {
			if time.Now().After(deadline) {
				t.Fatal("it goes on being exempt")
			}
		}
		write(name.String() + "%" + zone)
		for deadline := time.Now().Add(harness.ArrivalTimeout); !asks(53)(harness.SilenceTimeout); {
			if time.Now().After(deadline) {
				t.Fatalf("zone %s: it is not exempt", zone)
			}
		}
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Attempt{What: "zone " + zone, Try: asks(53)}),
			harness.Drops(harness.Attempt{What: "zone " + zone + ", another port", Try: asks(54)}),
		})
	}
}
