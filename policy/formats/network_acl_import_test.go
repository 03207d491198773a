package formats

import (
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// TestNetworkACLsOfOtherToolsAreNotLostInSilence: what is not read of a configuration is a
// notice with its place, once for all of them, and stands in the policy as a comment.
func TestNetworkACLsOfOtherToolsAreNotLostInSilence(t *testing.T) {
	const group = "resource \"aws_security_group\" \"web\" {\n  name = \"web\"\n}\n"
	const plan = `{"format_version":"1.0","terraform_version":"1.9.0",
"planned_values":{"root_module":{"resources":[
{"address":"aws_security_group.web","mode":"managed","type":"aws_security_group","name":"web",
"values":{"id":"sg-1","name":"web","vpc_id":"vpc-1"}}ACLS]}}}`
	const template = "AWSTemplateFormatVersion: 2010-09-09\n" +
		"Conditions:\n  Never: !Equals [!Ref A, a]\nResources:\n" +
		"  Web:\n    Type: AWS::EC2::SecurityGroup\n" +
		"    Properties: { GroupDescription: x }\n"
	for name, c := range map[string]struct{ file, text, says string }{
		"Terraform": {"main.tf", group + "resource \"aws_network_acl\" \"edge\" {\n" +
			"  count = length(data.aws_subnets.all.ids)\n  vpc_id = data.aws_vpc.main.id\n}\n" +
			"resource \"aws_network_acl_rule\" \"in\" {\n  network_acl_id = aws_network_acl.edge.id\n}\n",
			"main.tf:4:1: notice: 2 resources of network ACLs are left out, from aws_network_acl.edge on"},
		"Terraform's default": {"main.tf", group + "resource \"aws_default_network_acl\" \"d\" {\n}\n",
			"main.tf:4:1: notice: the network ACL aws_default_network_acl.d is left out"},
		"plan": {"plan.json", strings.Replace(plan, "ACLS", `,
{"address":"aws_network_acl.edge[0]","mode":"managed",
"type":"aws_network_acl","values":{"id":"acl-1"}},
{"address":"aws_network_acl.edge[1]","mode":"managed",
"type":"aws_network_acl","values":{"id":"acl-2"}}`,
			1),
			"plan.json:5:1: notice: 2 resources of network ACLs are left out, from " +
				"aws_network_acl.edge[0] on"},
		"CloudFormation": {"stack.yaml", template + "  Edge:\n    Type: AWS::EC2::NetworkAcl\n" +
			"    Condition: Never\n  In:\n    Type: AWS::EC2::NetworkAclEntry\n",
			"stack.yaml:8:3: notice: 2 resources of network ACLs are left out, from Edge on"},
		"Terraform without": {"main.tf", group, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := Import("", []convert.Source{{Name: c.file, Data: []byte(c.text)}}, convert.Options{})
			if r.Policy == nil {
				t.Fatal(r.Problems)
			}
			var said []string
			for _, p := range r.Problems {
				said = append(said, p.Error())
			}
			all := strings.Join(said, "\n")
			if n := strings.Count(strings.ToLower(all), "network acl"); c.says == "" && n > 0 ||
				c.says != "" && !strings.Contains(all, c.says) {
				t.Errorf("said:\n%s\nwant %q", all, c.says)
			}
			_, comment, _ := strings.Cut(c.says, "notice: ")
			if written := string(file.Write(r.Policy, r.Comments)); !strings.Contains(
				strings.Join(strings.FieldsFunc(written, func(r rune) bool {
					return r == ' ' || r == '\n' || r == '#'
				}), " "), comment) {
				t.Errorf("no %q in\n%s", comment, written)
			}
		})
	}
}
