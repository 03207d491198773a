package awsjson

import (
	"bytes"
	"fmt"
	"testing"

	"sgfw/policy/convert"
)

// account is the answer for 1,000 groups with 60 rules each, as the CLI prints it.
func account() []byte {
	var b bytes.Buffer
	b.WriteString("{\n    \"SecurityGroups\": [\n")
	for g := range 1000 {
		if g > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `        {
            "GroupId": "sg-%017x",
            "IpPermissionsEgress": [],
            "Tags": [
                {
                    "Key": "Name",
                    "Value": "service-%d"
                }
            ],
            "VpcId": "vpc-0123456789abcdef0",
            "SecurityGroupArn": "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-%017x",
            "OwnerId": "123456789012",
            "GroupName": "service-%d",
            "Description": "Service %d",
            "IpPermissions": [
`, g, g, g, g, g)
		for r := range 6 {
			if r > 0 {
				b.WriteString(",\n")
			}
			fmt.Fprintf(&b, `                {
                    "IpProtocol": "tcp",
                    "FromPort": %d,
                    "ToPort": %d,
                    "UserIdGroupPairs": [
                        {
                            "Description": "Its neighbour",
                            "UserId": "123456789012",
                            "GroupId": "sg-%017x"
                        }
                    ],
                    "IpRanges": [
`, 1000+r, 1000+r, (g+1)%1000)
			for n := range 9 {
				if n > 0 {
					b.WriteString(",\n")
				}
				fmt.Fprintf(&b, `                        {
                            "Description": "Office %d",
                            "CidrIp": "10.%d.%d.0/24"
                        }`, n, g%256, n)
			}
			b.WriteString("\n                    ],\n                    \"Ipv6Ranges\": [],\n" +
				"                    \"PrefixListIds\": []\n                }")
		}
		b.WriteString("\n            ]\n        }")
	}
	b.WriteString("\n    ]\n}\n")
	return b.Bytes()
}

// BenchmarkImport reads 1,000 groups with 60,000 rules.
func BenchmarkImport(b *testing.B) {
	data := account()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := Import([]convert.Source{{Name: "a", Data: data}}, convert.Options{})
		if r.Policy == nil || len(r.Policy.Groups) != 1000 || len(r.Policy.Groups[0].Ingress) != 60 {
			b.Fatal(r.Problems)
		}
	}
}
