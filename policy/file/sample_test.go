package file

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/test/parity"
)

// sample is the web server that a published guide gives in Terraform, as a policy
// of ours (W2 of docs/aws.md).
//
//go:embed testdata/sample.yaml
var sample string

// TestSample reads the sample: four rules in, one out, which has no ports any
// more and nothing of IPv6.
func TestSample(t *testing.T) {
	parity.Proves(t, "D5", "W2", "W4")
	p, problems, err := Parse("f", []byte(sample))
	if err != nil || problems.Err() != nil {
		t.Fatal(problems)
	}
	g := p.Groups[0]
	var rules []string
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for _, r := range g.Rules(d) {
			rules = append(rules, d.String()+" "+r.String())
		}
	}
	want := "ingress tcp 22 0.0.0.0/0, ingress tcp 80 0.0.0.0/0, ingress tcp 443 0.0.0.0/0, " +
		"ingress icmp all 0.0.0.0/0, egress all 0.0.0.0/0"
	if got := strings.Join(rules, ", "); got != want {
		t.Errorf("rules\n%s, want\n%s", got, want)
	}
	if g.Tags["Name"] != "web-sg" {
		t.Errorf("tags %v", g.Tags)
	}

	// One block with several peers is a rule for each (D5).
	many := strings.Replace(sample, "cidr_blocks: [0.0.0.0/0] }",
		`cidr_blocks: [192.0.2.0/24, 198.51.100.0/24], ipv6_cidr_blocks: ["2001:db8::/32"], self: true }`,
		1)
	p, problems, err = Parse("f", []byte(many))
	if err != nil || problems.Err() != nil {
		t.Fatal(problems)
	}
	var peers []string
	for _, r := range p.Groups[0].Ingress[:4] {
		if r.Index != 0 || r.Protocol != policy.TCP || r.From != 22 || r.To != 22 {
			t.Errorf("a rule of the first block is %+v", r)
		}
		peers = append(peers, r.Peer.String())
	}
	if got, want := strings.Join(peers, ", "),
		"192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32, group web-sg"; got != want {
		t.Errorf("peers %s, want %s", got, want)
	}
}

// TestDamagedSample reads the sample with one mistake at a time, and at the limits
// of AWS. Each mistake is refused at its place, and leaves no policy.
func TestDamagedSample(t *testing.T) {
	change := strings.NewReplacer
	rules := func(n int, key, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "      - { protocol: tcp, ports: %d, %s: [%s] }\n", 1000+i, key, format)
		}
		return b.String()
	}
	described := func(s string) string {
		return change("to_port: 22,", "to_port: 22, description: "+s+",").Replace(sample)
	}
	attached := func(groups int, list string) string {
		var b strings.Builder
		for i := range groups {
			fmt.Fprintf(&b, "  - { name: g%d, description: x }\n", i)
		}
		return change("interfaces:", b.String()+"interfaces:", "[web-sg]", "["+list+"]").Replace(sample)
	}
	for _, c := range []struct {
		what  string
		claim string
		text  string
		// want is how the problem begins, after AWS's code if there is one; "" where
		// the policy is taken.
		want string
	}{
		{"a brace that is not closed", "W7",
			change("to_port: 80, cidr_blocks: [0.0.0.0/0] }",
				"to_port: 80, cidr_blocks: [0.0.0.0/0]").Replace(sample), "f:8: not YAML"},
		{"tags that are not closed", "W7",
			change("web-sg }\n    ingress", "web-sg\n    ingress").Replace(sample), "f:5: not YAML"},
		{"an empty CIDR", "W8", strings.Replace(sample, "[0.0.0.0/0]", `[""]`, 1),
			"InvalidParameterValue f:7:68: the CIDR is empty"},
		{"an empty list of CIDRs", "W8", strings.Replace(sample, "[0.0.0.0/0]", `[]`, 1),
			"MissingParameter f:7:"},
		{"a CIDR without a value", "W8", strings.Replace(sample, "[0.0.0.0/0]", "", 1),
			"MissingParameter f:7:"},
		{"no group at all", "R49", attached(0, ""),
			"MissingParameter f:14:38: device \"eth0\" has no security groups"},
		{"255 characters", "text rule description", described(strings.Repeat("x", 255)), ""},
		{"256 characters", "text rule description", described(strings.Repeat("x", 256)),
			"InvalidParameterValue f:7:67: AWS would refuse the description: it has 256 characters"},
		{"a description", "R37", described("Monitoring server"), ""},
		{"an apostrophe", "R37", described(`"John's home IP"`),
			"InvalidParameterValue f:7:67: AWS would refuse the description: it has the character \"'\""},
		{"60 rules and 60 of the other family", "Q1",
			change("    egress:\n", rules(56, "cidr_blocks", "192.0.2.0/24")+
				rules(60, "ipv6_cidr_blocks", `"2001:db8::/32"`)+"    egress:\n").Replace(sample), ""},
		{"61 rules", "Q1", change("    egress:\n",
			rules(57, "cidr_blocks", "192.0.2.0/24")+"    egress:\n").Replace(sample),
			"RulesPerSecurityGroupLimitExceeded f:"},
		{"61 rules of IPv6", "Q1", change("    egress:\n",
			rules(61, "ipv6_cidr_blocks", `"2001:db8::/32"`)+"    egress:\n").Replace(sample),
			"RulesPerSecurityGroupLimitExceeded f:"},
		{"five groups", "Q6", attached(5, "web-sg, g0, g1, g2, g3"), ""},
		{"six groups", "Q6", attached(5, "web-sg, g0, g1, g2, g3, g4"),
			"SecurityGroupsPerInterfaceLimitExceeded f:19:"},
		{"a rule that denies", "R4", change("to_port: 22,", "to_port: 22, action: deny,").Replace(sample),
			"UnknownParameter f:7:54: a rule has no key action (hint: security groups only allow"},
	} {
		t.Run(c.what, func(t *testing.T) {
			parity.Proves(t, c.claim)
			p, problems, err := ParseAsAWS("f", []byte(c.text))
			if c.want == "" {
				if err != nil {
					t.Errorf("refused: %v", problems)
				}
				return
			}
			if p != nil || err == nil {
				t.Error("there is a policy")
			}
			if got := listed(problems); !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("problems\n%s, want one that begins\n%s", got, c.want)
			}
		})
	}
}
