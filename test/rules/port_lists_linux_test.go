package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestPortLists: a list of ports, ranges and services is a rule for each and for nothing
// between them, for each of the peers; "all" is every port, and every protocol.
func TestPortLists(t *testing.T) {
	parity.Proves(t, "R8", "Q5")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	d := harness.Enforce(t, server, `
version: 1
security_groups:
  - name_prefix: lists-
    vpc_id: vpc-0123456789abcdef0
    ingress:
      - protocol: tcp
        ports: [ssh, 80, 8000-8001, https]
        description: Both networks
        tags: { owner: ops }
        cidr_blocks: [{ cidr: 0.0.0.0/0, description: The old one }]
        ipv6_cidr_blocks: ["::/0"]
      - { protocol: udp, ports: [dns], cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: all, cidr_blocks: [0.0.0.0/0] }
      - { protocol: all, ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [lists-] }
`)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			var attempts []harness.Attempt
			for _, e := range []struct {
				port     int
				tcp, udp bool
			}{
				{22, true, false}, {23, false, false}, {53, false, true}, {79, false, false},
				{80, true, false}, {81, false, false}, {443, true, false}, {7999, false, false},
				{8000, true, false}, {8001, true, false}, {8002, false, false},
			} {
				harness.Echoes(t, server, s, e.port)
				attempts = append(attempts,
					harness.Expect(harness.PassIf(e.tcp),
						harness.Exchange(t, "in", client, "tcp", c, harness.AddrPort(s, e.port))),
					harness.Expect(harness.PassIf(e.udp),
						harness.Exchange(t, "in", client, "udp", c, harness.AddrPort(s, e.port))))
			}
			for _, p := range []int{1, 65535} {
				harness.Echoes(t, client, c, p)
				attempts = append(attempts,
					harness.Expect(harness.PassIf(true),
						harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(c, p))),
					harness.Expect(harness.PassIf(s.Is6()),
						harness.Exchange(t, "out", server, "udp", s, harness.AddrPort(c, p))))
			}
			harness.Run(t, attempts)
		})

	// What people and other tools wrote is listed with each rule and group.
	var rules struct {
		Rules []struct {
			Ports, Peer, Description string
			Tags                     map[string]string
		}
	}
	d.Document(&rules, "rules")
	listed := 0
	for _, r := range rules.Rules {
		if r.Tags["owner"] != "ops" {
			continue
		}
		listed++
		if want := map[string]string{"0.0.0.0/0": "The old one", "::/0": "Both networks"}[r.Peer]; r.
			Description != want {
			t.Errorf("%s %s is %q, want %q", r.Ports, r.Peer, r.Description, want)
		}
	}
	if listed != 8 {
		t.Errorf("%d rules with tags, want 4 ports times 2 peers", listed)
	}
	var status struct {
		Groups []struct {
			Name, Description string
			VPCID             string `json:"vpc_id"`
		}
	}
	d.Document(&status, "status")
	if len(status.Groups) != 1 || status.Groups[0].VPCID != "vpc-0123456789abcdef0" ||
		status.Groups[0].Name != "lists-" || status.Groups[0].Description != "Managed by Terraform" {
		t.Errorf("groups %+v", status.Groups)
	}
}
