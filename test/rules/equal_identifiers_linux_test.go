package rules

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestEqualIdentifiers: two clients that ping with one identifier both get
// their own reply (T9).
func TestEqualIdentifiers(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: answers
    description: Answers pings of some
    ingress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [192.0.2.1/32, 192.0.2.11/32] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["2001:db8::1/128",
            "2001:db8::11/128"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [answers] }
`)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			const id = 77
			answered := func(from netip.Addr, seq uint16, wait time.Duration) bool {
				return harness.PingsWith(t, client,
					&netlab.Ping{From: from, To: s, ID: id, Seq: seq, Payload: harness.Nonce()}, wait)
			}
			for seq := range uint16(3) {
				for _, from := range []netip.Addr{c, harness.Neighbouring(c, 0x11)} {
					if !answered(from, seq, harness.ArrivalTimeout) {
						t.Fatalf("ping %d from %s was not answered", seq, from)
					}
				}
			}
			if answered(harness.Neighbouring(c, 0x12), 0, harness.SilenceTimeout) {
				t.Error("a ping from the host that no rule names was answered")
			}
		})
}
