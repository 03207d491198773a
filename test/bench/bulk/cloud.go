package bulk

import "fmt"

// policyFile writes a policy file of sgfw, in which four groups have a device.
func policyFile(t *text, a Account) {
	t.add("version: 1\n\nsecurity_groups:\n")
	for g, rules := range a.Groups {
		t.add("  - name: %s\n    description: Service %d\n", name(g), g)
		for d, way := range split(rules) {
			t.add("    %s:\n", directions[d])
			for _, r := range way {
				t.add("      - description: %s\n        protocol: %s\n", r.description(r.i), r.Protocol)
				if r.From == r.To {
					t.add("        ports: %d\n", r.From)
				} else {
					t.add("        ports: %d-%d\n", r.From, r.To)
				}
				if r.Group >= 0 {
					t.add("        security_groups: [%s]\n", name(r.Group))
				} else {
					t.add("        %s: [%s]\n", r.family("cidr_blocks", "ipv6_cidr_blocks"),
						r.family(r.CIDR.String(), `"`+r.CIDR.String()+`"`))
				}
			}
		}
	}
	t.add("\ninterfaces:\n")
	for g := 0; g+4 <= len(a.Groups); g += 4 {
		t.add("  - device: %s\n    security_groups: [%s, %s, %s, %s]\n", device(g), name(g),
			name(g+1), name(g+2), name(g+3))
	}
}

// groupID is the ID of a group in AWS.
func groupID(g int) string { return fmt.Sprintf("sg-%017x", g+1) }

// awsJSON writes what aws ec2 describe-security-groups prints.
func awsJSON(t *text, a Account) {
	t.add("{\n    \"SecurityGroups\": [")
	for g, rules := range a.Groups {
		t.add("%s\n        {\n            \"GroupId\": %q,\n", comma(g), groupID(g))
		ways := split(rules)
		t.add("            \"IpPermissionsEgress\": [")
		awsPermissions(t, ways[1])
		t.add("],\n            \"Tags\": [\n                {\n                    \"Key\": \"Name\",\n"+
			"                    \"Value\": %q\n                }\n            ],\n"+
			"            \"VpcId\": \"vpc-0123456789abcdef0\",\n"+
			"            \"SecurityGroupArn\": "+
			"\"arn:aws:ec2:eu-central-1:123456789012:security-group/%s\",\n"+
			"            \"OwnerId\": \"123456789012\",\n            \"GroupName\": %q,\n"+
			"            \"Description\": \"Service %d\",\n            \"IpPermissions\": [",
			name(g), groupID(g), name(g), g)
		awsPermissions(t, ways[0])
		t.add("]\n        }")
	}
	t.add("\n    ]\n}\n")
}

func awsPermissions(t *text, way []numbered) {
	for i, r := range way {
		t.add("%s\n                {\n                    \"IpProtocol\": %q,\n"+
			"                    \"FromPort\": %d,\n                    \"ToPort\": %d,\n", comma(i),
			r.Protocol, r.From, r.To)
		const indent = "                        "
		pairs, four, six := "", "", ""
		item := func(key, value, more string) string {
			return fmt.Sprintf("\n%s{\n%s    \"Description\": %q,\n%s%s    %q: %q\n%s}\n"+
				"                    ", indent, indent, r.description(r.i), more, indent, key, value, indent)
		}
		switch {
		case r.Group >= 0:
			pairs = item("GroupId", groupID(r.Group), indent+"    \"UserId\": \"123456789012\",\n")
		case r.CIDR.Addr().Is4():
			four = item("CidrIp", r.CIDR.String(), "")
		default:
			six = item("CidrIpv6", r.CIDR.String(), "")
		}
		t.add("                    \"UserIdGroupPairs\": [%s],\n"+
			"                    \"IpRanges\": [%s],\n                    \"Ipv6Ranges\": [%s],\n"+
			"                    \"PrefixListIds\": []\n                }", pairs, four, six)
	}
}

// awsYAML writes the same as aws prints it with --output yaml.
func awsYAML(t *text, a Account) {
	t.add("SecurityGroups:\n")
	for g, rules := range a.Groups {
		t.add("- Description: Service %d\n  GroupId: %s\n  GroupName: %s\n", g, groupID(g), name(g))
		for d, way := range split(rules) {
			t.add("  %s:\n", [2]string{"IpPermissions", "IpPermissionsEgress"}[d])
			for _, r := range way {
				t.add("  - FromPort: %d\n    IpProtocol: %s\n", r.From, r.Protocol)
				four, six, pairs := " []", " []", " []"
				switch {
				case r.Group >= 0:
					pairs = fmt.Sprintf("\n    - Description: %s\n      GroupId: %s\n"+
						"      UserId: '123456789012'", r.description(r.i), groupID(r.Group))
				case r.CIDR.Addr().Is4():
					four = fmt.Sprintf("\n    - CidrIp: %s\n      Description: %s", r.CIDR, r.description(r.i))
				default:
					six = fmt.Sprintf("\n    - CidrIpv6: %s\n      Description: %s", r.CIDR, r.description(r.i))
				}
				t.add("    IpRanges:%s\n    Ipv6Ranges:%s\n    PrefixListIds: []\n    ToPort: %d\n"+
					"    UserIdGroupPairs:%s\n", four, six, r.To, pairs)
			}
		}
		t.add("  OwnerId: '123456789012'\n  Tags:\n  - Key: Name\n    Value: %s\n"+
			"  VpcId: vpc-0123456789abcdef0\n", name(g))
	}
}

// templateYAML writes a template of CloudFormation.
func templateYAML(t *text, a Account) {
	t.add("AWSTemplateFormatVersion: '2010-09-09'\nResources:\n")
	for g, rules := range a.Groups {
		t.add("  Service%d:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n"+
			"      GroupName: %s\n      GroupDescription: Service %[1]d\n", g, name(g))
		for d, way := range split(rules) {
			t.add("      SecurityGroup%s:\n", [2]string{"Ingress", "Egress"}[d])
			for _, r := range way {
				t.add("        - Description: %s\n          IpProtocol: %s\n          FromPort: %d\n"+
					"          ToPort: %d\n", r.description(r.i), r.Protocol, r.From, r.To)
				if r.Group >= 0 {
					t.add("          %sSecurityGroupId: !GetAtt Service%d.GroupId\n",
						r.word("Source", "Destination"), r.Group)
				} else {
					t.add("          %s: %s\n", r.family("CidrIp", "CidrIpv6"), r.CIDR)
				}
			}
		}
	}
}

// templateJSON writes it as JSON, as the CDK does.
func templateJSON(t *text, a Account) {
	t.add("{\n \"Resources\": {")
	for g, rules := range a.Groups {
		t.add("%s\n  \"Service%d\": {\n   \"Type\": \"AWS::EC2::SecurityGroup\",\n   \"Properties\": {\n"+
			"    \"GroupName\": %q,\n    \"GroupDescription\": \"Service %[2]d\"", comma(g), g, name(g))
		for d, way := range split(rules) {
			t.add(",\n    \"SecurityGroup%s\": [", [2]string{"Ingress", "Egress"}[d])
			for i, r := range way {
				t.add("%s\n     {\n      \"Description\": %q,\n      \"IpProtocol\": %q,\n"+
					"      \"FromPort\": %d,\n      \"ToPort\": %d,\n", comma(i), r.description(r.i), r.Protocol,
					r.From, r.To)
				if r.Group >= 0 {
					t.add("      \"%sSecurityGroupId\": {\n       \"Fn::GetAtt\": [\n        \"Service%d\",\n"+
						"        \"GroupId\"\n       ]\n      }\n     }", r.word("Source", "Destination"), r.Group)
				} else {
					t.add("      %q: %q\n     }", r.family("CidrIp", "CidrIpv6"), r.CIDR)
				}
			}
			t.add("\n    ]")
		}
		t.add("\n   }\n  }")
	}
	t.add("\n }\n}\n")
}
