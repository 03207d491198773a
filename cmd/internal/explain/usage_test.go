package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/cmd/internal/api"
	"sgfw/policy/file"
	"sgfw/test/parity"
)

// TestQuotas: four counters for each group (Q2), a group in both families and a
// list by what it may hold (Q3, Q4), and the fullest where a quota holds for many.
func TestQuotas(t *testing.T) {
	parity.Proves(t, "Q2", "Q3", "Q4", "Q9", "N10")
	p, _, err := file.Parse("", []byte(`version: 1
prefix_lists:
  - { name: four, max_entries: 20, entries: [{ cidr: 10.0.0.0/8 }, { cidr: 11.0.0.0/8 },
        { cidr: 12.0.0.0/8 }] }
  - { name: empty, max_entries: 30, entries: [] }
security_groups:
  - name: web
    description: x
    tags: { a: b }
    vpc_id: vpc-1
    ingress:
      - { protocol: tcp, ports: 80, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 22, prefix_lists: [four], security_groups: [db] }
    egress: []
  - { name: db, description: x, ingress: [{ protocol: -1, prefix_lists: [empty] }] }
network_acls:
  - name: edge
    tags: { a: b }
    ingress:
      - { rule_no: 9, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }
      - { rule_no: 8, action: deny, protocol: all, cidr_block: 10.0.0.0/8 }
    egress: [{ rule_no: 9, action: allow, protocol: all, ipv6_cidr_block: "::/0" }]
interfaces:
  - { device: eth0, security_groups: [web], network_acl: edge }
  - { device: eth1, security_groups: [web], network_acl: default }
  - { device: eth*, security_groups: [web], network_acl: edge }
peers: [{ name: far, addresses: [192.0.2.1], security_groups: [web, db] }]
quotas: { rules_per_security_group: 100 }
`))
	if err != nil {
		t.Fatal(err)
	}
	groups := []api.GroupStatus{
		{Name: "web", Description: "x", Tags: map[string]string{"a": "b"}, VPCID: "vpc-1",
			Attached: true, Ingress: api.Usage{IPv4: 23, IPv6: 2}, Quota: 100},
		{Name: "db", Description: "x", Ingress: api.Usage{IPv4: 30, IPv6: 30},
			Egress: api.Usage{IPv4: 1, IPv6: 1}, Quota: 100},
	}
	if diff := cmp.Diff(groups, Groups(p)); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	quotas := api.Quotas{
		RulesPerSecurityGroup:      api.QuotaStatus{Used: 30, Quota: 100},
		SecurityGroupsPerInterface: api.QuotaStatus{Used: 2, Quota: 5},
		SecurityGroups:             api.QuotaStatus{Used: 2, Quota: 2500},
		PrefixLists:                api.QuotaStatus{Used: 2, Quota: 100},
		PrefixListEntries:          api.QuotaStatus{Used: 30, Quota: 1000},
		NetworkACLs:                api.QuotaStatus{Used: 2, Quota: 200},
		RulesPerNetworkACL:         api.QuotaStatus{Used: 3, Quota: 20},
	}
	acls := []api.NetworkACLStatus{
		{Name: "edge", Tags: map[string]string{"a": "b"}, Interfaces: []string{"eth0", "eth*"},
			Ingress: api.Usage{IPv4: 3, IPv6: 1}, Egress: api.Usage{IPv4: 1, IPv6: 2}, Quota: 20},
		{Name: "default", Default: true, Interfaces: []string{"eth1"},
			Ingress: api.Usage{IPv4: 2, IPv6: 2}, Egress: api.Usage{IPv4: 2, IPv6: 2}, Quota: 20},
	}
	if diff := cmp.Diff(acls, NetworkACLs(p)); diff != "" {
		t.Errorf("network ACLs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(quotas, QuotasOf(p)); diff != "" {
		t.Errorf("quotas (-want +got):\n%s", diff)
	}
}
