package operations

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestLearnUnderOddScans sends segments that belong to no connection, as scans do with ACK, FIN,
// all flags or none: of a port where somebody waits, of one where nobody does, and as if they
// were answers. They teach nothing, and a client of the same machine does.
func TestLearnUnderOddScans(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	from := harness.BothAddresses(client.Device("eth0"))
	to := harness.BothAddresses(server.Device("eth0"))
	l := learn(t, server, "--device", "eth0")
	for i, header := range []int{20, 40} {
		harness.Echoes(t, server, to[i], 443, 22)
		raw, err := client.ListenRaw(t.Context(), wire.ProtoTCP, from[i])
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		for n, flags := range []wire.Flags{wire.ACK, wire.FIN, 0, wire.FIN | wire.PSH | wire.URG,
			wire.SYN | wire.ACK} {
			for _, ends := range [][2]uint16{{22, 40000}, {23, 40100}, {50100, 443}} {
				packet := wire.TCP(netip.AddrPortFrom(from[i], ends[1]+uint16(n)),
					netip.AddrPortFrom(to[i], ends[0]), flags, 1000, 2000, nil)
				if _, err := raw.WriteToIP(packet[header:], &net.IPAddr{IP: to[i].AsSlice()}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !harness.Connects(t, client, harness.AddrPort(from[i], 0), harness.AddrPort(to[i], 443),
			harness.ArrivalTimeout) {
			t.Error("the client does not reach the server")
		}
	}
	policy, said := l.ends()
	t.Logf("%s\n%s", said, policy)
	rules, _, _ := strings.Cut(policy, "interfaces:")
	if n := strings.Count(rules, "- description:"); n != 1 || !strings.Contains(rules, "ports: 443") {
		t.Errorf("%d rules, want that of port 443:\n%s", n, policy)
	}
	if n := numberBefore(t, said, "conversations? that others tried"); n < 16 {
		t.Errorf("it tells of %d that nobody answered", n)
	}
}
