package test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// The tests of state put a policy in force, open flows under it and then put
// one in force that allows nothing: from there on only the flow table can
// explain why a packet passes, and a mutant that accepts everything shows in
// the new flows that pass as well.

// policyWith is a policy with one group, which is on eth0. The rules are lines
// as allow and allowICMP write them; settings are lines of that section.
func policyWith(ingress, egress []string, settings ...string) string {
	return policyOn("eth0", ingress, egress, settings...)
}

// policyOn is policyWith for any device.
func policyOn(device string, ingress, egress []string, settings ...string) string {
	text := fmt.Sprintf(`version: 1
security_groups:
  - name: state
    description: Rules of a test about state
    ingress: [%s]
    egress: [%s]
interfaces:
  - device: %s
    security_groups: [state]
`, strings.Join(ingress, ", "), strings.Join(egress, ", "), device)
	if len(settings) > 0 {
		text += "settings:\n  " + strings.Join(settings, "\n  ") + "\n"
	}
	return text
}

// closed allows nothing.
var closed = policyWith(nil, nil)

// allow is a rule for one port of TCP or UDP and everybody of both families.
func allow(protocol string, port int) string {
	return fmt.Sprintf(`{ protocol: %s, ports: %d, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`, protocol, port)
}

// allowICMP are two rules, one for a type and code of ICMP and one for ICMPv6.
func allowICMP(type4, code4, type6, code6 int) []string {
	return []string{
		fmt.Sprintf(`{ protocol: icmp, from_port: %d, to_port: %d, cidr_blocks: [0.0.0.0/0] }`, type4, code4),
		fmt.Sprintf(`{ protocol: icmpv6, from_port: %d, to_port: %d, ipv6_cidr_blocks: ["::/0"] }`, type6, code6),
	}
}

// allowPing are the rules that admit echo requests.
func allowPing() []string { return allowICMP(8, -1, 128, -1) }

// finished is a pair of hosts on a link like a cable: what a capture shows is
// what a receiver gets, checksums included.
func finished() netlab.Topology {
	pair := netlab.Pair()
	pair.Links[0].Offload = netlab.OffloadOff
	return pair
}

// echoOn serves TCP and UDP echo until the test ends.
func echoOn(t testing.TB, h *netlab.Host, on ...netip.AddrPort) {
	t.Helper()
	for _, a := range on {
		s, err := h.ServeEcho(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	}
}

// families are the addresses of one host by family, IPv4 first.
func families(d *netlab.Device) []netip.Addr { return []netip.Addr{d.IPv4(), d.IPv6()} }

// family names the family of an address.
func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// echoesLarge reports whether 4000 bytes come back from a UDP echo server.
func echoesLarge(t testing.TB, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	sent, got := bytes.Repeat(nonce(), 250), make([]byte, 5000)
	if _, err := c.Write(sent); err != nil {
		return false // the output hook of a sender says no with EPERM
	}
	n, err := c.Read(got)
	return err == nil && bytes.Equal(got[:n], sent)
}
