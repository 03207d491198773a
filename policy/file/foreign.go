package file

import (
	"bytes"
	"regexp"
)

// foreign are files of other tools that people have at hand, by what no policy has.
var foreign = []struct {
	what string
	has  *regexp.Regexp
}{
	{"the answer of aws ec2 describe-security-groups",
		regexp.MustCompile(`"SecurityGroups"\s*:\s*\[|(?m)^(SecurityGroups:|SECURITYGROUPS\t)`)},
	{"the answer of aws ec2 describe-security-group-rules",
		regexp.MustCompile(`"SecurityGroupRules"\s*:\s*\[|` +
			`(?m)^(SecurityGroupRules:|SECURITYGROUPRULES\t)`)},
	{"the answer of aws ec2 about prefix lists",
		regexp.MustCompile(`"PrefixLists"\s*:\s*\[|(?m)^(PrefixLists:|PREFIXLISTS\t)`)},
	{"a list of permissions for the AWS CLI",
		regexp.MustCompile(`"IpPermissions(Egress)?"\s*:\s*\[|"IpProtocol"\s*:\s*"|` +
			`(?m)^(- )?IpProtocol:`)},
	{"a template of CloudFormation",
		regexp.MustCompile(`(?m)^AWSTemplateFormatVersion:|"AWSTemplateFormatVersion"\s*:|` +
			`\bType"?: *["']?AWS::EC2::`)},
	{"a state or plan of Terraform", regexp.MustCompile(`"terraform_version"\s*:`)},
	{"a configuration of Terraform",
		regexp.MustCompile(`(?m)^(resource|data)\s+"[\w-]+"\s+"[\w-]+"\s*\{|^(terraform|locals)\s*\{|` +
			`^(provider|module|variable|output)\s+"[\w-]+"\s*\{|"resource"\s*:\s*\{`)},
	{"a ruleset of nftables",
		regexp.MustCompile(`(?m)^table\s+(ip6?|inet|arp|bridge|netdev)\s+\S+\s*\{|"nftables"\s*:\s*\[`)},
	{"the output of iptables-save",
		regexp.MustCompile(`(?m)^\*(filter|nat|mangle|raw|security)\s*$`)},
	{"a manifest of Kubernetes", regexp.MustCompile(`(?m)^apiVersion:\s|"apiVersion"\s*:`)},
}

// maxForeign is how much of a file is searched for what other tools write.
const maxForeign = 64 << 10

// versioned is what every policy has.
var versioned = regexp.MustCompile(`(?m)^(version|["']version["']|[\{,]\s*"?version"?)\s*:\s*1\b`)

// recognised reports a file of another tool. It says one thing about the whole file
// instead of many about its keys.
func (d *decoder) recognised(data []byte) bool {
	begin := data[:min(len(data), maxForeign)]
	for _, f := range foreign {
		if m := f.has.FindIndex(begin); m != nil && !versioned.Match(data) {
			d.errorAt(d.pos(1+bytes.Count(data[:m[0]], []byte("\n")), 0), "",
				"sgfw reads YAML policies, see sgfw.yaml(5): a security group there has the keys of "+
					"Terraform's aws_security_group; it cannot import other formats",
				"this is %s, not a policy", f.what)
			return true
		}
	}
	return false
}
