package cloudformation

import (
	"os"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// TestProblems: what is wrong is said with its place and what to do, all of it at once; ""
// is nobody, never everybody. The cases are templates, or rules of the one at the top.
func TestProblems(t *testing.T) {
	data, err := os.ReadFile("testdata/problems.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "### ")
	for _, c := range cases[1:] {
		name, c, _ := strings.Cut(c, "\n")
		body, want, _ := strings.Cut(c, ">>> ")
		if strings.HasPrefix(body, " ") {
			body = cases[0] + body
		}
		r := Import([]convert.Source{{Data: []byte(body)}}, convert.Options{})
		want = strings.TrimSuffix(strings.ReplaceAll(want, "\n>>> ", "\n"), "\n")
		if got := r.Problems.Error(); got != want || r.Policy != nil {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
	if len(cases) < 38 {
		t.Errorf("%d cases", len(cases))
	}
}

// TestEgress: AWS's outbound rules hold until there is another one, in the group or as a
// resource; one that is left out by its condition is none.
func TestEgress(t *testing.T) {
	const all = "all 0.0.0.0/0, all ::/0"
	const rule = "{IpProtocol: '-1', CidrIp: 10.0.0.0/8}"
	for _, c := range [][2]string{
		{"", all},
		{"SecurityGroupEgress: []", all},
		{"SecurityGroupEgress: [!Ref AWS::NoValue]", all},
		{"SecurityGroupEgress: !Ref AWS::NoValue", all},
		{"SecurityGroupEgress: " + rule, "all 10.0.0.0/8"},
		{"SecurityGroupEgress: [" + rule + "]", "all 10.0.0.0/8"},
		{"SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 0.0.0.0/0}]", "all 0.0.0.0/0"},
		{"SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 127.0.0.1/32}]", ""},
		{"SecurityGroupEgress: [{IpProtocol: icmp, FromPort: 252, ToPort: 86, CidrIp: " +
			"255.255.255.255/32}]", ""},
		{"SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 127.0.0.1/32}, " +
			rule + "]", "all 127.0.0.1/32, " +
			"all 10.0.0.0/8"},
		{"RESOURCE", "all 10.0.0.0/8"},
		{"RESOURCE\n    Condition: No", all},
		{"SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: " +
			"0.0.0.0/0}]\nRESOURCE", "all 0.0.0.0/0, all 10.0.0.0/8"},
	} {
		text, want := c[0], c[1]
		full := "Conditions: {No: !Equals [a, b]}\nResources:\n  G:\n    Type: " +
			"AWS::EC2::SecurityGroup\n" +
			"    Properties:\n      GroupDescription: g\n      " + strings.Replace(text, "RESOURCE",
			"\n  E:\n    Type: AWS::EC2::SecurityGroupEgress\n    Properties: {GroupId: !Ref G, "+
				rule[1:], 1)
		r := Import([]convert.Source{{Name: "t", Data: []byte(full)}}, convert.Options{})
		if r.Policy == nil {
			t.Errorf("%s: %v", text, r.Problems)
			continue
		}
		var got []string
		for _, rule := range r.Policy.Groups[0].Egress {
			got = append(got, rule.String())
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, not %s", text, got, want)
		}
		warned := strings.Contains(r.Problems.Error(), "is known to take this rule away")
		if warned != (strings.Contains(text, "0.0.0.0/0}]\nRESOURCE")) {
			t.Errorf("%s: %v", text, r.Problems)
		}
	}
}

// TestExportedAndImported: templates know each other's exports, by the names of their stacks.
func TestExportedAndImported(t *testing.T) {
	network := "Resources:\n  Web:\n    Type: AWS::EC2::SecurityGroup\n    Properties: " +
		"{GroupDescription: " +
		"w, GroupName: web}\nOutputs:\n  Id: {Value: !GetAtt Web.GroupId, Export: {Name: !Sub " +
		"'${AWS::StackName}-web'}}\n  No: {Value: x, Export: {Name: x}}\n"
	app := "Parameters: {Network: {Type: String, Default: network}}\nResources:\n  Web:\n    Type: " +
		"AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: a\n      GroupName: app\n" +
		"      SecurityGroupIngress:\n        - {IpProtocol: '-1', SourceSecurityGroupId: " +
		"{'Fn::ImportValue': " +
		"!Sub '${Network}-web'}}\n        - {IpProtocol: '6', FromPort: 1, ToPort: 1, " +
		"SourceSecurityGroupId: " +
		"!Ref Web}\n"
	sources := []convert.Source{{Name: "a/app.yaml", Data: []byte(app)},
		{Name: "b/network.yml", Data: []byte(network)}}
	r := Import(sources, convert.Options{})
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	var got []string
	for _, rule := range r.Policy.Group("app").Ingress {
		got = append(got, rule.String())
	}
	if strings.Join(got, ", ") != "all group web, tcp 1 group app" || r.Names["network.Web"] != "web" {
		t.Errorf("%v %v", got, r.Names)
	}
	// Alone, the other group is a list that waits for its CIDRs.
	r = Import(sources[:1], convert.Options{})
	if r.Policy == nil || r.Policy.PrefixList("network-web") == nil ||
		!strings.Contains(r.Problems.Error(), "--prefix-list network-web=FILE") {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
	cidr, _ := policy.ParseCIDR("10.0.0.0/8")
	r = Import(sources[:1], convert.Options{PrefixLists: map[string][]policy.PrefixEntry{
		"network-web": {{CIDR: cidr}}}})
	if r.Policy == nil || len(r.Policy.PrefixList("network-web").Entries) != 1 ||
		strings.Contains(r.Problems.Error(), "--prefix-list") {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
}
