package rules

import (
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestICMPExample runs examples/icmp-pmtud.yaml, where rules decide about every
// ICMP message: a large answer finds its way through the bottleneck, and gets
// stuck once the rules about the router's report are gone.
func TestICMPExample(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, bottleneck())
	client, server := lab.Host("client"), lab.Host("server").Device("eth0")
	text := harness.Example(t, "icmp-pmtud.yaml")
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "Fragmentation needed,") &&
			!strings.Contains(line, "Packet too big,") {
			lines = append(lines, line)
		}
	}
	without := strings.Join(lines, "")
	d := harness.Enforce(t, server.Host(), without)
	for _, a := range harness.BothAddresses(server) {
		d.Reload(without)
		conns := harness.Accepting(t, server.Host(), harness.AddrPort(a, 443))
		near := harness.DialTCP(t, client, netip.AddrPort{}, harness.AddrPort(a, 443),
			harness.ArrivalTimeout)
		if near == nil {
			t.Fatalf("%s: no session", harness.FamilyName(a))
		}
		defer near.Close()
		far := harness.Accept(t, conns)
		bulk := make([]byte, 200_000)
		go far.Write(bulk)
		near.SetReadDeadline(time.Now().Add(harness.SilenceTimeout))
		n, err := io.ReadFull(near, bulk)
		if err == nil {
			t.Errorf("%s: the answer arrived without the rules about packets too big", harness.FamilyName(a))
			continue
		}
		d.Reload(text)
		near.SetReadDeadline(time.Now().Add(harness.ArrivalTimeout))
		if m, err := io.ReadFull(near, bulk[n:]); err != nil {
			t.Errorf("%s: %d of %d bytes arrived: %v", harness.FamilyName(a), n+m, len(bulk), err)
		}
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Ping(t, "as the rules permit", client, netip.Addr{}, a)),
			harness.Drops(harness.Exchange(t, "no rule", client, "tcp", netip.Addr{},
				harness.AddrPort(a, 80))),
		})
	}
	// A message that no rule names, about nothing.
	in := harness.NewRawInbox(t, server.Host(), wire.ProtoICMP, server.IPv4())
	dev, from, to := client.Device("eth0"), client.Device("eth0").IPv4(), server.IPv4()
	harness.Volley(t, []harness.Shot{
		harness.Drops(message(t, "timestamp request", dev, in, from, to, 13, 0)),
		harness.Drops(message(t, "protocol unreachable", dev, in, from, to, 3, 2)),
		harness.Passes(message(t, "echo request", dev, in, from, to, 8, 0)),
	})
}
