package bulk

import (
	"bufio"
	"fmt"
	"io"
)

// Create makes a file of a name, to be written from its beginning.
type Create func(name string) io.Writer

// Format is a way to write an account.
type Format struct {
	// Name says which, for people.
	Name string
	// Write writes it, piece by piece, into one file or several. sgfw is given all of them.
	Write func(Account, Create) error
	// Cloud is false for formats of one machine: there a device has each group, and a rule
	// that names a group is for its CIDR.
	Cloud bool
	// Most is how many groups of 60 rules sgfw takes in the format, 0 for 1,000 and more. Its
	// bounds are what hostile texts of YAML and of chains of rules may cost.
	Most int
}

// Formats are all, in the order in which documents show them.
func Formats() []Format {
	return []Format{
		{"sgfw", one("policy.yaml", policyFile), true, 0},
		{"aws, JSON", one("groups.json", awsJSON), true, 0},
		{"aws, YAML", one("groups.yaml", awsYAML), true, 250},
		{"terraform, blocks", one("main.tf", terraformBlocks), true, 0},
		{"terraform, aws_security_group_rule", one("main.tf", terraformOldRules), true, 0},
		{"terraform, aws_vpc_security_group_*_rule", one("main.tf", terraformRules), true, 0},
		{"terraform show -json, blocks", one("state.json", stateBlocks), true, 0},
		{"terraform show -json, aws_vpc_…_rule", one("state.json", stateRules), true, 700},
		{"cloudformation, YAML", one("template.yaml", templateYAML), true, 400},
		{"cloudformation, JSON", one("template.json", templateJSON), true, 0},
		{"iptables", one("rules", iptablesSave), false, 60},
		{"ufw", ufwRules, false, 60},
		{"firewalld", firewalldZones, false, 60},
		{"nftables", one("ruleset.json", nftablesJSON), false, 60},
	}
}

// text is a file as it is written. Its first error comes out of write.
type text struct{ *bufio.Writer }

func (t *text) add(format string, a ...any) { fmt.Fprintf(t, format, a...) }

// write fills one file.
func write(to io.Writer, fill func(*text)) error {
	t := text{bufio.NewWriter(to)}
	fill(&t)
	return t.Flush()
}

// one makes a format of one file.
func one(name string, fill func(*text, Account)) func(Account, Create) error {
	return func(a Account, create Create) error {
		return write(create(name), func(t *text) { fill(t, a) })
	}
}

// comma stands between the items of a list in JSON.
func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
