package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestOutboundGREOpensInbound: a protocol without ports is followed by its
// address pair and number alone: what we sent to a host may come back from it,
// and only from it (T10).
func TestOutboundGREOpensInbound(t *testing.T) {
	parity.Proves(t, "T10")
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: tunnels
    description: Begins tunnels
    ingress:
      - { protocol: 47, cidr_blocks: [192.0.2.21/32], ipv6_cidr_blocks: ["2001:db8::21/128"] }
    egress:
      - { protocol: 47, cidr_blocks: [192.0.2.0/28], ipv6_cidr_blocks: ["2001:db8::/124"] }
interfaces:
  - { device: eth0, security_groups: [tunnels] }
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		gre, esp := harness.NewRawInbox(t, server, wire.ProtoGRE, s),
			harness.NewRawInbox(t, server, wire.ProtoESP, s)
		behind := harness.Passes(carrier(t, "GRE that a rule admits", dev, gre,
			harness.Neighbouring(c, 0x21), s, wire.ProtoGRE))
		harness.Volley(t, []harness.Shot{
			harness.Drops(carrier(t, "GRE before ours", dev, gre, c, s, wire.ProtoGRE)), behind})

		far, refused := harness.NewRawInbox(t, client, wire.ProtoGRE, c),
			harness.NewRawInbox(t, client, wire.ProtoESP, c)
		out := func(what string, via, at *harness.RawInbox, protocol uint8, to netip.Addr) harness.Shot {
			return harness.Shot{What: what, Send: func() []byte {
				content := harness.Nonce()
				via.Write(t, wire.Proto(s, to, protocol, content), to)
				return content
			}, Arrived: at.Receives}
		}
		harness.Volley(t, []harness.Shot{
			harness.Drops(out("ESP of our own, which egress does not name", esp, refused, wire.ProtoESP, c)),
			harness.Passes(out("GRE of our own", gre, far, wire.ProtoGRE, c)),
		})
		harness.Volley(t, []harness.Shot{
			harness.Drops(carrier(t, "GRE from another host", dev, gre, harness.Neighbouring(c, 0x11), s,
				wire.ProtoGRE)),
			harness.Drops(carrier(t, "ESP from that host", dev, esp, c, s, wire.ProtoESP)),
			harness.Passes(carrier(t, "GRE in return", dev, gre, c, s, wire.ProtoGRE)),
			harness.Passes(harness.Raw(t, "GRE in return with another key", dev, gre, func(b []byte) []byte {
				// RFC 2890: K bit, protocol IPv4, a key.
				return wire.Proto(c, s, wire.ProtoGRE, append([]byte{0x20, 0, 8, 0, 1, 2, 3, 4}, b...))
			})),
		})
	})
}
