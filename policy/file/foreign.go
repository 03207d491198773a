package file

import (
	"bytes"
	"regexp"
)

// Foreign is a kind of file of another tool, as people have them at hand.
type Foreign struct {
	// Format is the name that importers give to the format; empty if there is none.
	Format string
	// What says what such a file is, as in "this is …".
	What string
	has  *regexp.Regexp // what no policy has
	hint string         // what to do with a file of no format; empty is the usual advice
}

var foreign = []Foreign{
	// Before the answers of the AWS CLI, of which it has the words.
	{"cloudformation", "a template of CloudFormation",
		regexp.MustCompile(`(?m)^AWSTemplateFormatVersion:|"AWSTemplateFormatVersion"\s*:|` +
			`\bType["']?\s*:\s*["']?AWS::\w+::`), ""},
	{"aws", "the answer of aws ec2 describe-security-groups",
		regexp.MustCompile(`"SecurityGroups"\s*:\s*\[|(?m)^(SecurityGroups:|SECURITYGROUPS\t)`), ""},
	{"aws", "the answer of aws ec2 describe-security-group-rules",
		regexp.MustCompile(`"SecurityGroupRules"\s*:\s*\[|` +
			`(?m)^(SecurityGroupRules:|SECURITYGROUPRULES\t)`), ""},
	{"aws", "the answer of aws ec2 about prefix lists",
		regexp.MustCompile(`"PrefixLists"\s*:\s*\[|(?m)^(PrefixLists:|PREFIXLISTS\t)|` +
			`"Entries"\s*:\s*\[\s*(\{\s*"Cidr"|\])|(?m)^(Entries:|ENTRIES\t)`), ""},
	{"aws", "the answer of aws ec2 describe-network-interfaces or describe-instances",
		regexp.MustCompile(`"(NetworkInterfaces|Reservations)"\s*:\s*\[|` +
			`(?m)^((NetworkInterfaces|Reservations):|(NETWORKINTERFACES|RESERVATIONS)\t)`), ""},
	{"aws", "the answer of aws ec2 describe-network-acls",
		regexp.MustCompile(`"NetworkAcls"\s*:\s*\[|"NetworkAclId"\s*:\s*"|` +
			`(?m)^(NetworkAcls:|NETWORKACLS\t)`), ""},
	{"aws", "a table of aws ec2", regexp.MustCompile(
		`(?m)^\|\s+(DescribeSecurityGroup|GetManagedPrefixList|DescribeManagedPrefixList|` +
			`DescribePrefixLists|DescribeNetworkInterfaces|DescribeNetworkAcls|DescribeInstances)`), ""},
	{"aws", "a list of permissions for the AWS CLI",
		regexp.MustCompile(`"IpPermissions(Egress)?"\s*:\s*\[|"IpProtocol"\s*:\s*"|` +
			`(?m)^(- |  )?(IpProtocol|IpPermissions|IpPermissionsEgress):`), ""},
	{"terraform", "a state or plan of Terraform", regexp.MustCompile(`"terraform_version"\s*:`), ""},
	{"terraform", "a configuration of Terraform",
		regexp.MustCompile(`(?m)^(resource|data)\s+"[\w-]+"\s+"[\w-]+"\s*\{|^(terraform|locals)\s*\{|` +
			`^(provider|module|variable|output)\s+"[\w-]+"\s*\{|"resource"\s*:\s*\{`), ""},
	{"nftables", "a ruleset of nftables",
		regexp.MustCompile(`(?m)^table\s+(ip6?|inet|arp|bridge|netdev)\s+\S+\s*\{|` +
			`"nftables"\s*:\s*\[`), ""},
	// Where ufw runs, iptables-save prints its chains, too.
	{"iptables", "the output of iptables-save",
		regexp.MustCompile(`(?m)^(:INPUT [A-Z]|-P INPUT [A-Z]|create \S+ hash:)`), ""},
	{"ufw", "the rules of ufw", regexp.MustCompile(
		`(?m)^(### tuple ###|:ufw6?-(user|before|after)-input |DEFAULT_INPUT_POLICY=)`), ""},
	{"iptables", "the output of iptables-save",
		regexp.MustCompile(`(?m)^\*(filter|nat|mangle|raw|security)\s*$`), ""},
	{"firewalld", "a zone of firewalld", regexp.MustCompile(
		`<(zone|service|ipset|policy|direct|whitelist|helper)[\s>]|(?m)^DefaultZone=`), ""},
	{"", "a manifest of Kubernetes", regexp.MustCompile(`(?m)^apiVersion:\s|"apiVersion"\s*:`), ""},
	// What people read on the screen lacks half of it.
	{"", "what iptables -L prints", regexp.MustCompile(
		`(?m)^Chain \S+ \((policy [A-Z]+|\d+ references)`),
		"(iptables-save; ip6tables-save) | sgfw import - reads all of it"},
	{"", "what ufw status prints", regexp.MustCompile(`(?m)^Status: (in)?active\s*$`),
		"sgfw import /etc/ufw/*.rules /etc/default/ufw reads all of it"},
	{"", "what firewall-cmd --list-all prints", regexp.MustCompile(
		`(?m)^\s+target: (default|ACCEPT|DROP|REJECT|%%REJECT%%)\s*$`),
		"sgfw import /etc/firewalld/*/*.xml /etc/firewalld/firewalld.conf reads all of it"},
}

// Recognise says which tool's file a text is, and on which line that shows, from 1. It is
// nil for a policy, and for what it does not know.
func Recognise(data []byte) (f *Foreign, line int) {
	begin := data[:min(len(data), maxForeign)]
	for i := range foreign {
		if m := foreign[i].has.FindIndex(begin); m != nil && !versioned.Match(data) {
			return &foreign[i], 1 + bytes.Count(data[:m[0]], []byte("\n"))
		}
	}
	return nil, 0
}

// maxForeign is how much of a file is searched for what other tools write.
const maxForeign = 64 << 10

// versioned is what every policy has.
var versioned = regexp.MustCompile(`(?m)^(version|["']version["']|[\{,]\s*"?version"?)\s*:\s*1\b`)

// recognised reports a file of another tool. It says one thing about the whole file
// instead of many about its keys.
func (d *decoder) recognised(data []byte) bool {
	f, line := Recognise(data)
	if f == nil {
		return false
	}
	hint := "sgfw reads YAML policies, see sgfw.yaml(5): a security group there has the keys of " +
		"Terraform's aws_security_group"
	switch {
	case f.hint != "":
		hint = f.hint
	case f.Format != "":
		hint = "sgfw import FILE writes a policy of it"
	}
	d.errorAt(d.pos(line, 0), "", hint, "this is %s, not a policy", f.What)
	return true
}
