package remedy

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

func TestNumberBefore(t *testing.T) {
	for _, c := range []struct {
		taken        []int
		number, want int
	}{
		{[]int{100}, 100, 50},
		{[]int{200, 100}, 200, 150},
		{[]int{1}, 1, 0},
		{[]int{1, 2, 3}, 3, 0},
		{[]int{5, 6, 7}, 7, 2},
		{nil, policy.LastACLNumber(policy.IPv4), 100},
		{[]int{130, 20}, policy.LastACLNumber(policy.IPv6), 200},
		{[]int{32766}, policy.LastACLNumber(policy.IPv4), 16383},
	} {
		var rules []policy.ACLRule
		for _, n := range c.taken {
			rules = append(rules, policy.ACLRule{Number: n})
		}
		if got := numberBefore(rules, c.number); got != c.want {
			t.Errorf("before %d of %v: %d, want %d", c.number, c.taken, got, c.want)
		}
	}
}

// TestFind: of all that stops a packet each has its change, none more is there, and the
// policy that was asked is as it was. What no policy changes has no remedy in it.
func TestFind(t *testing.T) {
	rule := func(port int, cidr string) policy.Rule {
		return policy.Rule{Protocol: policy.TCP, From: port, To: port,
			Peer: policy.Peer{Kind: policy.PeerCIDR, CIDR: netip.MustParsePrefix(cidr)}}
	}
	acl := policy.NetworkACL{Name: "edge", Ingress: policy.DefaultNetworkACL().Ingress}
	p := &policy.Policy{
		Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings,
		Groups: []policy.Group{
			{Name: "web", Description: "web", Ingress: []policy.Rule{rule(443, "0.0.0.0/0")}},
			{Name: "ssh", Description: "ssh", Ingress: []policy.Rule{rule(22, "10.0.0.0/8")}}},
		NetworkACLs: []policy.NetworkACL{acl},
		Interfaces: []policy.Interface{{Device: "eth0", Groups: []string{"web"}, NetworkACL: "edge",
			Timeouts: policy.DefaultTimeouts}},
	}
	if err := policy.Validate(p).Err(); err != nil {
		t.Fatal(err)
	}
	c := Case{Rules: filter.Compile(p, nil), Query: filter.Query{
		Device: "eth0", Direction: conntrack.Ingress, Protocol: conntrack.ProtoTCP,
		Src: netip.MustParseAddr("10.1.2.3"), Dst: netip.MustParseAddr("192.0.2.1"), SrcPort: 50000,
		DstPort: 22}}
	x := filter.Explain(c.Rules, nil, 0, c.Query)
	var codes []filter.Code
	for _, b := range x.Blocks {
		codes = append(codes, b.Code)
	}
	if !slices.Equal(codes, []filter.Code{filter.CodeRulesMismatch, filter.CodeSubnetACL}) ||
		!x.Blocks[1].Return || x.Blocks[1].Direction != conntrack.Egress {
		t.Fatalf("blocked by %+v", x.Blocks)
	}
	f := c.Find(&x)
	if len(f.Rules) != 2 || f.Rules[0].What != AddRule || f.Rules[0].Group != "web" ||
		f.Rules[0].Rule.String() != "tcp 22 10.1.2.3/32" || f.Rules[1].What != AddACLRule ||
		f.Rules[1].ACLRule.String() != "100 allow tcp 1024-65535 10.1.2.3/32" {
		t.Errorf("by rules: %+v", f.Rules)
	}
	if len(f.Groups) != 2 || f.Groups[0].What != Attach ||
		!slices.Equal(f.Groups[0].Groups, []string{"web", "ssh"}) || f.Groups[1].What != AddACLRule {
		t.Errorf("by a group: %+v", f.Groups)
	}
	if f.Packet != nil {
		t.Errorf("no answer passes, and yet %+v does", f.Packet)
	}
	if len(p.Groups[0].Ingress) != 1 || len(p.NetworkACLs[0].Egress) != 0 ||
		len(p.Interfaces[0].Groups) != 1 {
		t.Errorf("the policy has changed: %+v", p)
	}

	p.Quotas.RulesPerGroup, p.Quotas.GroupsPerInterface = 1, 1
	full := Case{Rules: filter.Compile(p, nil), Query: c.Query}
	if f := full.Find(&x); f.Rules != nil || f.Groups != nil {
		t.Errorf("the quotas are used up, and yet: %+v", f)
	}
}

// TestFindCrowded: where no number is free in front of the rule that denies, that is said.
func TestFindCrowded(t *testing.T) {
	for number, want := range map[int]bool{1: true, 2: false} {
		list := policy.DefaultNetworkACL()
		p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings,
			Groups: []policy.Group{{Name: "web", Description: "web", Ingress: []policy.Rule{{
				Protocol: policy.TCP, From: 443, To: 443,
				Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}}}},
			NetworkACLs: []policy.NetworkACL{{Name: "edge", Egress: list.Egress,
				Ingress: append([]policy.ACLRule{{Number: number, Action: policy.Deny,
					Protocol: policy.AllProtocols, From: -1, To: -1,
					CIDR: netip.MustParsePrefix("10.0.0.0/8")}}, list.Ingress...)}},
			Interfaces: []policy.Interface{{Device: "eth0", Groups: []string{"web"}, NetworkACL: "edge",
				Timeouts: policy.DefaultTimeouts}}}
		if err := policy.Validate(p).Err(); err != nil {
			t.Fatal(err)
		}
		c := Case{Rules: filter.Compile(p, nil), Query: filter.Query{Device: "eth0",
			Direction: conntrack.Ingress, Protocol: conntrack.ProtoTCP,
			Src: netip.MustParseAddr("10.1.2.3"), Dst: netip.MustParseAddr("192.0.2.1"),
			SrcPort: 50000, DstPort: 443}}
		x := filter.Explain(c.Rules, nil, 0, c.Query)
		f := c.Find(&x)
		if got := f.Crowded; (got != nil) != want || want && (got.Number != 1 || got.ACL != "edge") {
			t.Errorf("a deny with number %d: %+v", number, got)
		}
		if (len(f.Rules) == 1) == want {
			t.Errorf("a deny with number %d: remedied by %+v", number, f.Rules)
		}
	}
}
