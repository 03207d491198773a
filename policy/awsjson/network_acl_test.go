package awsjson

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/test/parity"
)

// aclAnswer is an answer of describe-network-acls with one list.
func aclAnswer(entries string) string {
	return `{"NetworkAcls":[{"Associations":[{"NetworkAclAssociationId":"aclassoc-1",
"NetworkAclId":"acl-1","SubnetId":"subnet-1"},{"SubnetId":"subnet-2"}],"IsDefault":false,
"NetworkAclId":"acl-1","VpcId":"vpc-1","OwnerId":"111111111111",
"Tags":[{"Key":"Name","Value":"edge"}],"Entries":[
` + entries + `
]}]}`
}

// aclRules are the rules of a network ACL as text.
func aclRules(n *policy.NetworkACL) string {
	var out []string
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for i := range n.Rules(d) {
			out = append(out, d.String()[:1]+" "+n.Rules(d)[i].String())
		}
	}
	return strings.Join(out, "\n")
}

// TestNetworkACL: the entries of describe-network-acls become numbered rules; the rules * are
// there anyway, and ports of protocols without any mean nothing (N2, N4). No interface has the
// list, which is said with its subnets.
func TestNetworkACL(t *testing.T) {
	parity.Proves(t, "N1", "N2", "N4")
	r, said := importing(t, convert.Options{}, web(""), aclAnswer(`
{"CidrBlock":"0.0.0.0/0","Egress":true,"Protocol":"-1","RuleAction":"allow","RuleNumber":100},
{"CidrBlock":"0.0.0.0/0","Egress":true,"Protocol":"-1","RuleAction":"deny","RuleNumber":32767},
{"Ipv6CidrBlock":"::/0","Egress":true,"Protocol":"-1","RuleAction":"deny","RuleNumber":32768},
{"Ipv6CidrBlock":"::/0","Egress":false,"Protocol":"6","PortRange":{"From":443,"To":444},
 "RuleAction":"allow","RuleNumber":110},
{"CidrBlock":"203.0.113.0/24","Egress":false,"Protocol":"1","IcmpTypeCode":{"Type":3,"Code":-1},
 "RuleAction":"deny","RuleNumber":90},
{"Ipv6CidrBlock":"::/0","Egress":false,"Protocol":"58","IcmpTypeCode":{"Type":-1,"Code":-1},
 "RuleAction":"allow","RuleNumber":91},
{"CidrBlock":"10.0.0.0/8","Egress":false,"Protocol":"17","RuleAction":"deny","RuleNumber":1},
{"CidrBlock":"10.0.0.0/8","Egress":false,"Protocol":"50","PortRange":{"From":1,"To":2},
 "RuleAction":"allow","RuleNumber":32766},
{"CidrBlock":"0.0.0.0/0","Egress":false,"Protocol":"-1","RuleAction":"deny","RuleNumber":32767}`))
	if r.Policy == nil || len(r.Policy.NetworkACLs) != 1 {
		t.Fatalf("no network ACL: %s", said)
	}
	n := &r.Policy.NetworkACLs[0]
	want := `i 110 allow tcp 443-444 ::/0
i 90 deny icmp type 3 203.0.113.0/24
i 91 allow icmpv6 all ::/0
i 1 deny udp 0-65535 10.0.0.0/8
i 32766 allow 50 10.0.0.0/8
e 100 allow all 0.0.0.0/0`
	if got := aclRules(n); got != want || n.Name != "edge" || len(n.Tags) > 0 {
		t.Errorf("%s %v:\n%s\nwant\n%s", n.Name, n.Tags, got, want)
	}
	if !strings.Contains(said, `network ACL "edge" judges nothing yet: it is for subnet-1, subnet-2`) {
		t.Errorf("said: %s", said)
	}
}

// TestBadNetworkACL: what cannot be read is told with its place, and nothing is guessed.
func TestBadNetworkACL(t *testing.T) {
	const good = `{"CidrBlock":"0.0.0.0/0","Egress":true,"Protocol":"-1","RuleAction":"allow",` +
		`"RuleNumber":1}`
	for name, c := range map[string]struct{ old, new, says string }{
		"no number":     {`,"RuleNumber":1`, "", "f2:5:1: the entry has no RuleNumber"},
		"no action":     {`"RuleAction":"allow",`, "", "f2:5:1: the entry has no RuleAction"},
		"other action":  {`"allow"`, `"Allow"`, "f2:5:1: the entry has no RuleAction"},
		"no direction":  {`"Egress":true,`, "", "f2:5:1: the entry does not say whether"},
		"no CIDR":       {`"CidrBlock":"0.0.0.0/0",`, "", "f2:5:1: there is no CidrBlock"},
		"wrong family":  {"0.0.0.0/0", "::/0", "::/0 is IPv6"},
		"no protocol":   {`"Protocol":"-1",`, "", "f2:5:1: the entry has no Protocol"},
		"far too far":   {`"-1"`, `"6","PortRange":{"From":1,"To":70000}`, "port 70000 is out of range"},
		"number is far": {`"RuleNumber":1`, `"RuleNumber":0`, "rule_no 0 is out of range"},
		"a word more":   {`"Egress"`, `"Colour":"red","Egress"`, "the entry has Colour, which sgfw"},
	} {
		t.Run(name, func(t *testing.T) {
			_, said := importing(t, convert.Options{}, web(""),
				aclAnswer(strings.Replace(good, c.old, c.new, 1)))
			if !strings.Contains(said, c.says) {
				t.Errorf("said: %s\nwant %s", said, c.says)
			}
		})
	}
	_, said := importing(t, convert.Options{}, web(""),
		`{"NetworkAclId":"acl-1","Entries":[`+good+`]}`)
	if !strings.Contains(said, "import the whole answer, without --query") {
		t.Errorf("said: %s", said)
	}
}

// randomACL makes up a network ACL that AWS would take.
func randomACL(r *rand.Rand, name string, cidr func() netip.Prefix) policy.NetworkACL {
	n := policy.NetworkACL{Name: name}
	if r.IntN(2) == 0 {
		n.Tags = map[string]string{"owner": "ops"}
	}
	for _, list := range []*[]policy.ACLRule{&n.Ingress, &n.Egress} {
		for _, number := range r.Perm(300)[:r.IntN(15)] {
			rule := policy.ACLRule{Number: 1 + 100*number, Action: policy.ACLAction(r.IntN(2)),
				Protocol: []policy.Protocol{-1, 0, 6, 17, 50, 255}[r.IntN(6)], From: -1, To: -1, CIDR: cidr()}
			switch {
			case rule.Protocol.HasPorts():
				rule.From = r.IntN(65536)
				rule.To = rule.From + r.IntN(65536-rule.From)
			case rule.Protocol == 0:
				rule.Protocol = policy.ICMP
				if rule.CIDR.Addr().Is6() {
					rule.Protocol = policy.ICMPv6
				}
				rule.From, rule.To = r.IntN(256), r.IntN(257)-1
			}
			*list = append(*list, rule)
		}
	}
	return n
}
