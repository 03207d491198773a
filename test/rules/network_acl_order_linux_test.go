package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestNetworkACLAndGroups: both have to let a packet pass. What comes in meets the network ACL
// first, what goes out the groups (N7): that shows where both refuse.
func TestNetworkACLAndGroups(t *testing.T) {
	parity.Proves(t, "N7")
	t.Parallel()
	h := harness.NewHome(t)
	const both, byACL, byGroups, byNeither = 7000, 7001, 7002, 7003
	for _, p := range append(underACL(h), protected{"outside", h.Outside, h.OutsideIPs}) {
		for i := range p.ips {
			harness.Echoes(t, p.host, p.ips[i], both, byACL, byGroups, byNeither)
		}
	}
	acl := lists(allowing(100, "7000-7001"), allowing(900, "32768-60999"))
	d := harness.Enforce(t, h.Fw, strings.ReplaceAll(aclPolicy(acl, acl), "protocol: all",
		"protocol: udp, ports: [7000, 7002]"))
	log := d.Follow(t)
	var attempts []harness.Attempt
	for _, p := range underACL(h) {
		for i, outside := range h.OutsideIPs {
			for _, port := range []int{both, byACL, byGroups, byNeither} {
				want := harness.PassIf(port == both)
				attempts = append(attempts,
					harness.Expect(want, harness.Exchange(t, "to the "+p.name, h.Outside, "udp", outside,
						harness.AddrPort(p.ips[i], port))),
					harness.Expect(want, harness.Exchange(t, "from the "+p.name, p.host, "udp", p.ips[i],
						harness.AddrPort(outside, port))))
			}
		}
	}
	harness.Run(t, attempts)
	for _, c := range []struct {
		direction string
		port      int
		reason    string
	}{
		{"ingress", byACL, "no-rule"}, {"ingress", byGroups, "network-acl"},
		{"ingress", byNeither, "network-acl"},
		{"egress", byACL, "no-rule"}, {"egress", byGroups, "network-acl"},
		{"egress", byNeither, "no-rule"},
	} {
		what := fmt.Sprint(c.direction, " to port ", c.port)
		is := func(v harness.LoggedVerdict) bool {
			return v.Direction == c.direction && strings.HasSuffix(v.To, fmt.Sprint(":", c.port))
		}
		for _, v := range log.Await(what, 4, is) { // two families, two sides
			if v.Reason != c.reason {
				t.Errorf("%s: %s, want %s", what, v.Reason, c.reason)
			}
		}
	}
}

// TestNetworkACLAndPortUnreachable: the error about a datagram of a live flow is a packet like
// any other for the network ACL (N9), on its way in to the one who asked and on its way out
// from the one who has no such port.
func TestNetworkACLAndPortUnreachable(t *testing.T) {
	parity.Proves(t, "N9")
	t.Parallel()
	datagrams := `{ rule_no: 1, action: allow, protocol: udp, ports: 0-65535, cidr_block: 0.0.0.0/0 },
    { rule_no: 2, action: allow, protocol: udp, ports: 0-65535, ipv6_cidr_block: "::/0" }`
	errors := datagrams + `,
    { rule_no: 3, action: allow, protocol: icmp, from_port: 3, to_port: 3, cidr_block: 0.0.0.0/0 },
    { rule_no: 4, action: allow, protocol: icmpv6, from_port: 1, to_port: 4,
      ipv6_cidr_block: "::/0" }`
	others := strings.NewReplacer("from_port: 3, to_port: 3", "from_port: 3, to_port: 1",
		"from_port: 1, to_port: 4", "from_port: 1, to_port: 0").Replace(errors)
	policy := func(ingress, egress string) string {
		return strings.NewReplacer("[INGRESS]", "["+ingress+"]", "[EGRESS]", "["+egress+"]").Replace(
			strings.Replace(harness.PolicyWith([]string{harness.Allow("udp", harness.Inward)},
				[]string{harness.Allow("udp", harness.Inward)}), "\n    security_groups: [state]",
				"\n    network_acl: edge\n    security_groups: [state]", 1) +
				"network_acls:\n- { name: edge, ingress: [INGRESS], egress: [EGRESS] }\n")
	}
	for _, c := range []struct {
		what, protected   string
		heard, not, never string
	}{
		{"asked", "client", policy(errors, datagrams), policy(datagrams, datagrams),
			policy(others, datagrams)},
		{"answered", "server", policy(datagrams, errors), policy(datagrams, datagrams),
			policy(datagrams, others)},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, lab.Host(c.protected), c.heard)
			for _, a := range harness.BothAddresses(server) {
				to := harness.AddrPort(a, harness.Inward)
				d.ReloadNow(c.heard)
				if !refused(t, client, to, harness.ArrivalTimeout) {
					t.Errorf("%s: nothing was heard of a port without a listener", harness.FamilyName(a))
				}
				for what, policy := range map[string]string{"without a rule": c.not,
					"with a rule for another code": c.never} {
					d.ReloadNow(policy)
					if refused(t, client, to, harness.SilenceTimeout) {
						t.Errorf("%s: the error passed %s of the network ACL", harness.FamilyName(a), what)
					}
				}
			}
		})
	}
}

// TestNetworkACLOnTheWire: the network ACL sees the packet that the groups see: with the view
// of the wire the port that the client asked for, with the local one the port behind (X8).
func TestNetworkACLOnTheWire(t *testing.T) {
	parity.Proves(t, "X8")
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	world := map[bool]netip.Addr{
		true: harness.IP("203.0.113.10"), false: harness.IP("2001:db8:d::10")}
	own := []netip.Addr{harness.IP("203.0.113.1"), harness.IP("2001:db8:d::1")}
	for _, a := range []netip.Addr{harness.IP("172.17.0.2"), harness.IP("2001:db8:17::2")} {
		harness.Publish(t, fw, 80, 8080, a)
		harness.Echoes(t, shop, a, 8080)
	}
	harness.Publish(t, fw, 443, 8443, own[0])
	harness.Echoes(t, fw, own[0], 8443)
	policy := func(view, ports string) string {
		return seen(view, strings.Replace(harness.PolicyWith([]string{everythingPasses},
			[]string{everythingPasses}), "\n    security_groups: [state]",
			"\n    network_acl: edge\n    security_groups: [state]", 1)) +
			"network_acls:\n- { name: edge, ingress: [" + strings.Join(allowing(10, ports), ", ") +
			"], egress: [" + strings.Join(allowing(10, "32768-60999"), ", ") + "] }\n"
	}
	attempts := func(want harness.Verdict) (out []harness.Attempt) {
		for _, a := range own {
			out = append(out, harness.Expect(want, harness.Exchange(t, "published", client, "tcp",
				world[a.Is4()], harness.AddrPort(a, 80))))
		}
		return append(out, harness.Expect(want, harness.Exchange(t, "redirected on the host", client,
			"tcp", world[true], harness.AddrPort(own[0], 443))))
	}
	d := harness.Enforce(t, fw, policy("wire", "80-443"))
	harness.Run(t, attempts(harness.Pass))
	d.ReloadNow(policy("wire", "8080-8443"))
	harness.Run(t, attempts(harness.Drop))
	d.ReloadNow(policy("local", "8080-8443"))
	harness.Run(t, attempts(harness.Pass))
	d.ReloadNow(policy("local", "80-443"))
	harness.Run(t, attempts(harness.Drop))
}

// everythingPasses is a rule of a group.
const everythingPasses = `{ protocol: all, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`
