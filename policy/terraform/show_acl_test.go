package terraform

import (
	"strings"
	"testing"

	"sgfw/policy"
)

// stateWith is a state with a group and resources of network ACLs.
func stateWith(resources string) string {
	return `{"format_version":"1.0","terraform_version":"1.9.0","values":{"root_module":{"resources":[
{"address":"aws_security_group.web","mode":"managed","type":"aws_security_group","name":"web",
"values":{"id":"sg-1","name":"web","vpc_id":"vpc-1"}},
` + resources + `]}}}`
}

const stateList = `{"address":"aws_network_acl.edge","mode":"managed","type":"aws_network_acl",
"name":"edge","values":{"id":"acl-1","subnet_ids":["subnet-1"],"tags":{"Name":"edge","owner":"ops"},
"ingress":[
{"action":"allow","cidr_block":"0.0.0.0/0","from_port":443,"to_port":443,"icmp_code":0,
"icmp_type":0,"ipv6_cidr_block":"","protocol":"6","rule_no":200},
{"action":"deny","cidr_block":"","from_port":0,"to_port":0,"icmp_code":-1,"icmp_type":3,
"ipv6_cidr_block":"2001:db8::/32","protocol":"58","rule_no":100}],
"egress":[{"action":"allow","cidr_block":"0.0.0.0/0","from_port":0,"to_port":0,"icmp_code":0,
"icmp_type":0,"ipv6_cidr_block":"","protocol":"-1","rule_no":100}]}}`

// stateRule is an aws_network_acl_rule of a list.
func stateRule(of, number, protocol string) string {
	return `{"address":"aws_network_acl_rule.r","mode":"managed","type":"aws_network_acl_rule",
"name":"r","values":{"network_acl_id":"` + of + `","egress":true,"rule_action":"deny",
"cidr_block":"10.0.0.0/8","ipv6_cidr_block":"","from_port":53,"to_port":54,"icmp_type":null,
"icmp_code":null,"protocol":"` + protocol + `","rule_number":` + number + `}}`
}

// TestStateNetworkACL: a state has network ACLs with all values; rules that are resources of
// their own are added to their list, unless the refreshed list has them already (N1, N4).
func TestStateNetworkACL(t *testing.T) {
	r := show(t, stateWith(stateList+`,
`+stateRule("acl-1", "110", "udp")+`,
`+stateRule("acl-1", "100", "17")+`,
`+stateRule("acl-2", "100", "17")+`,
{"address":"aws_network_acl_association.a","mode":"managed","type":"aws_network_acl_association",
"values":{"network_acl_id":"acl-1","subnet_id":"subnet-2"}}`))
	if r.Policy == nil || len(r.Policy.NetworkACLs) != 1 {
		t.Fatal(r.Problems)
	}
	n := &r.Policy.NetworkACLs[0]
	var got []string
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for i := range n.Rules(d) {
			got = append(got, d.String()+" "+n.Rules(d)[i].String())
		}
	}
	const want = `ingress 200 allow tcp 443 0.0.0.0/0
ingress 100 deny icmpv6 type 3 2001:db8::/32
egress 100 allow all 0.0.0.0/0
egress 110 deny udp 53-54 10.0.0.0/8`
	if all := strings.Join(got, "\n"); all != want || n.Name != "edge" || n.Tags["owner"] != "ops" ||
		n.Tags["Name"] != "" {
		t.Errorf("%s %v:\n%s\nwant\n%s", n.Name, n.Tags, all, want)
	}
	said := r.Problems.Error()
	for _, part := range []string{
		`network ACL "edge" judges nothing yet: it is for subnet-1, subnet-2`,
		"the network ACL aws_network_acl_rule.r is left out"} {
		if !strings.Contains(said, part) {
			t.Errorf("said: %s\nwant %s", said, part)
		}
	}
}

// TestBadStateNetworkACL: what cannot be read is told, and nothing is guessed.
func TestBadStateNetworkACL(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"no number":   {`"rule_no":200`, `"rule_no":null`, "the rule of a network ACL has no rule_no"},
		"no action":   {`"action":"allow","cidr`, `"cidr`, "has no action that is known"},
		"no CIDR":     {`"cidr_block":"0.0.0.0/0","from_port":443`, `"from_port":443`, "CIDR"},
		"far port":    {`"to_port":443`, `"to_port":70000`, "port 70000 is out of range"},
		"no protocol": {`"protocol":"6"`, `"protocol":"six"`, "unknown protocol"},
		"far number":  {`"rule_no":200`, `"rule_no":0`, "rule_no 0 is out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			r := show(t, stateWith(strings.Replace(stateList, c.old, c.new, 1)))
			if r.Policy != nil || !strings.Contains(r.Problems.Error(), c.says) {
				t.Errorf("said: %v\nwant %s", r.Problems, c.says)
			}
		})
	}
}
