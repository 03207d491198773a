package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/screen"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/devices"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

// checkDocument is what `check -o json` prints.
type checkDocument struct {
	Schema   string        `json:"schema"`
	File     string        `json:"file"`
	Valid    bool          `json:"valid"`
	Problems []api.Problem `json:"problems"`
	// Summary is left out for an invalid policy, and so is what follows.
	Summary *checkSummary `json:"summary,omitempty"`
	// IDs are those that a daemon of this machine gives. They are left out where its
	// state directory cannot be read.
	Groups      []api.GroupStatus      `json:"groups,omitempty"`
	Rules       []api.RuleRef          `json:"rules,omitempty"`
	PrefixLists []api.PrefixListStatus `json:"prefix_lists,omitempty"`
	NetworkACLs []api.NetworkACLStatus `json:"network_acls,omitempty"`
	Interfaces  []checkInterface       `json:"interfaces,omitempty"`
	Quotas      *api.Quotas            `json:"quotas,omitempty"`
	// Preset is left out for a policy without one, too.
	Preset *api.Preset `json:"preset,omitempty"`
	// Difference is from the policy that --same-as names, and left out without it.
	Difference *policyDifference `json:"difference,omitempty"`
}

// checkInterface is an interface, or a pattern for several, which have an ID each.
type checkInterface struct {
	Device string `json:"device"`
	ID     string `json:"id,omitempty"`
	// NetworkACL is left out for an interface without one.
	NetworkACL string `json:"network_acl,omitempty"`
}

type checkSummary struct {
	Groups      int `json:"groups"`
	Rules       int `json:"rules"`
	PrefixLists int `json:"prefix_lists"`
	Interfaces  int `json:"interfaces"`
	Peers       int `json:"peers"`
	// NetworkACLs and ACLRules do not count what nobody wrote: the default list and rules *.
	NetworkACLs int `json:"network_acls"`
	ACLRules    int `json:"network_acl_rules"`
}

func (p *program) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check FILE|-",
		Short: "Validate a policy file",
		Long: `Validate a policy file, or standard input for -, and report everything that is
wrong with it at once, as file:line:col: message, with a hint and the code that
AWS answers for the same mistake. Nothing on the machine is changed. Of the machine
two things are looked at: what IDs are made of, since -o json lists those that a
daemon of this machine gives, and its devices. One that the policy names and that is
not there is a warning, for it may come later; --elsewhere leaves them alone.

Exit code 3 says that the policy is invalid; warnings, and notices such as
that a quota is nearly used up, do not change it. Descriptions, names and tags that
AWS would refuse are such a notice, and errors with --as-aws.

--same-as names another policy, in any format that sgfw import reads, which has to
permit the same: else the exit code is 6, and what is different is printed, as sgfw diff
does. --format, --attach, --var, --var-file and --prefix-list are about that policy.`,
		Example: `  sgfw check sgfw.yaml
  sgfw check --elsewhere server7.yaml
  sgfw check sgfw.yaml -o json | jq '.groups[] | {name, id, ingress, quota}'
  sgfw check sgfw.yaml -o json | jq '.problems[].message'
  sgfw check sgfw.yaml --same-as main.tf --attach eth0=web,ssh
  sgfw check -`,
		Args:              exactly("FILE|-"),
		ValidArgsFunction: policyFiles,
	}
	out := outputFlag(c)
	asAWS := c.Flags().Bool("as-aws", false, "refuse what AWS would refuse")
	elsewhere := c.Flags().Bool("elsewhere", false,
		"the policy is for another machine: do not look for its devices here")
	dir := stateFlag(c)
	quiet := c.Flags().BoolP("quiet", "q", false,
		"print what refuses the policy and nothing else: the exit code says the rest")
	sameAs := c.Flags().String("same-as", "", "FILE|FOLDER|-: a policy that has to permit the same")
	var from imports
	from.flags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if p.quiet = *quiet; p.quiet && *out != formatTable {
			return &usageError{errors.New("--quiet and --output exclude each other")}
		}
		if args[0] == "-" && *sameAs == "-" {
			return &usageError{errors.New("standard input is one policy, not two")}
		}
		for _, flag := range []string{"format", "attach", "var", "var-file", "prefix-list"} {
			if *sameAs == "" && c.Flags().Changed(flag) {
				return &usageError{fmt.Errorf("--%s is about the policy that --same-as names", flag)}
			}
		}
		name := args[0]
		pol, problems, err := loadPolicy(&name, c.InOrStdin(), parserFor(*asAWS))
		if ps := policy.AsProblems(err); ps != nil {
			problems = ps
		} else if err != nil {
			return err
		}
		here := policy.Problems{}
		if pol != nil && !*elsewhere {
			here = p.here(pol, *dir, name)
			problems = slices.Concat(problems, here)
			problems.Sort()
			if err = problems.Err(); err != nil {
				pol = nil
			}
		}
		doc := checkDocument{
			Schema: api.Schema, File: name, Valid: err == nil,
			Problems: explain.Problems(problems), Summary: summarise(pol),
		}
		if pol != nil {
			pol = pol.WithIDs(machineIDs(*dir))
			doc.describe(pol)
		}
		var differs error
		var difference *compare.Difference
		if *sameAs != "" && pol != nil {
			other, err := from.loadOther(*sameAs, c.InOrStdin())
			if err != nil {
				return err
			}
			p.printProblems(explain.Problems(other.Problems))
			difference = compare.Policies(other.Policy, pol, other.Unsaid...)
			d := differenceOf(named(*sameAs), name, difference)
			doc.Difference = &d
			if d.Opened || d.Closed {
				differs = errDifferent
			}
		}
		if *out == formatJSON {
			if err := p.printJSON(doc); err != nil {
				return err
			}
			if !doc.Valid {
				return errInvalid
			}
			return differs
		}
		if err != nil {
			return err
		}
		if *quiet {
			return differs
		}
		p.printProblems(doc.Problems)
		if len(here.Of(policy.SeverityWarning)) > 0 {
			p.note("a policy for another machine: check --elsewhere")
		}
		s := doc.Summary
		p.print(p.shown(out), screen.Good, fmt.Sprintf("%s is valid: %s, %s, %s, %s", name,
			count(s.Groups, "group"), count(s.Rules, "rule"), count(s.PrefixLists, "prefix list"),
			count(s.Interfaces, "interface")))
		for i := range doc.NetworkACLs {
			p.print(p.shown(out), screen.Plain, aclText(pol, &doc.NetworkACLs[i]))
		}
		if doc.Preset != nil {
			p.print(p.shown(out), screen.Plain, "preset "+presetText(doc.Preset))
		}
		if difference != nil {
			p.printDifference(p.shown(out), named(*sameAs), name, difference)
		}
		return differs
	}
	return c
}

// here is what is wrong with a policy on this machine; nothing where its devices cannot be
// looked at.
func (p *program) here(pol *policy.Policy, dir, name string) policy.Problems {
	m, err := p.links()
	if err != nil {
		return nil
	}
	lost := withLost(pol, &m, lastAltnames(dir, name))
	twins := devices.Twins(pol, m.Facts)
	for i := range twins {
		twins[i].Hint += "; if this is not the machine: check --elsewhere"
	}
	ports := devices.Ports(pol, m.Facts, m.Masters)
	for i := range ports { // a start takes it, and filters the other devices
		ports[i].Severity = policy.SeverityWarning
	}
	return slices.Concat(devices.Missing(pol, m.Facts), twins, ports, lost,
		devices.BridgesOnWire(pol, m.Facts, m.Filtering()))
}

// withLost gives devices the altnames back that the policy names and that they have lost: the
// daemon filters them all the same. It says which these are.
func withLost(pol *policy.Policy, m *links.Snapshot, had map[string]uint32) (out policy.Problems) {
	list := slices.Clone(m.Facts.Links)
	for i := range pol.Interfaces {
		in := &pol.Interfaces[i]
		number, known := had[in.Device]
		at := slices.IndexFunc(list, func(l member.Link) bool { return l.Index == number })
		if _, there := m.Facts.Named(in.Device); !known || there || at < 0 {
			continue
		}
		list[at].Altnames = append(slices.Clone(list[at].Altnames), in.Device)
		out = append(out, policy.Problem{
			Pos: in.Pos, Field: "device", Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("%s is no altname of %s any more: the daemon filters the device "+
				"all the same", in.Device, list[at].Name),
			Hint: fmt.Sprintf("name %s in the policy, or give it the altname back", list[at].Name),
		})
	}
	m.Facts.Links = list
	return out
}

// policyParser turns the text of a policy file into a policy.
type policyParser func(name string, text []byte) (*policy.Policy, policy.Problems, error)

func parserFor(asAWS bool) policyParser {
	if asAWS {
		return file.ParseAsAWS
	}
	return file.Parse
}

// loadPolicy reads the policy file of that name, or standard input for "-", which becomes
// the name by which positions call it, and has it parsed.
func loadPolicy(name *string, stdin io.Reader, parse policyParser) (*policy.Policy, policy.Problems,
	error) {
	path := *name
	read := func() ([]byte, error) { return file.Read(path) }
	if *name == "-" {
		*name, read = "stdin", func() ([]byte, error) { return file.ReadFrom(stdin) }
	}
	text, err := read()
	if err != nil {
		return nil, nil, err
	}
	p, problems, err := parse(*name, text)
	if *name == path {
		problems = slices.Concat(problems, source.Untrusted(path, source.Writers(path)))
	}
	return p, problems, err
}

// summarise counts the parts of a policy, nil for none.
func summarise(p *policy.Policy) *checkSummary {
	if p == nil {
		return nil
	}
	s := &checkSummary{
		Groups: len(p.Groups), PrefixLists: len(p.PrefixLists),
		Interfaces: len(p.Interfaces), Peers: len(p.Remotes),
	}
	for i := range p.Groups {
		s.Rules += len(p.Groups[i].Ingress) + len(p.Groups[i].Egress)
	}
	for i := range p.NetworkACLs {
		if n := &p.NetworkACLs[i]; !n.Default {
			s.NetworkACLs, s.ACLRules = s.NetworkACLs+1, s.ACLRules+len(n.Ingress)+len(n.Egress)
		}
	}
	return s
}

// stateFlag adds the directory that tells which IDs this machine gives.
func stateFlag(c *cobra.Command) *string {
	return c.Flags().String("state-dir", state.DefaultDir,
		"state directory of the daemon, for the IDs that it gives")
}

// machineIDs are the IDs of this machine; there are none for those who may not look.
func machineIDs(dir string) policy.IDs {
	seed, err := state.ReadSeed(dir)
	if err != nil {
		return policy.IDs{}
	}
	return policy.IDs{Seed: seed, Place: seed.Place(process.Own().Lasting())}
}

// describe fills in what a valid policy has.
func (doc *checkDocument) describe(p *policy.Policy) {
	quotas := explain.QuotasOf(p)
	doc.Groups, doc.PrefixLists, doc.Quotas = explain.Groups(p), explain.PrefixLists(p), &quotas
	doc.Preset, doc.NetworkACLs = explain.Preset(p), explain.NetworkACLs(p)
	for i := range p.Groups {
		g := &p.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				doc.Rules = append(doc.Rules, *explain.Rule(p.IDs,
					filter.RuleInfo{Group: g.Name, Direction: conntrack.Direction(d), Rule: r}))
			}
		}
	}
	for i := range p.NetworkACLs {
		n := &p.NetworkACLs[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range n.Rules(d) {
				doc.Rules = append(doc.Rules, *explain.Rule(p.IDs, filter.RuleInfo{ACL: n.Name,
					Number: r.Number, Action: r.Action, Direction: conntrack.Direction(d), Rule: r.AsRule()}))
			}
		}
	}
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		doc.Interfaces = append(doc.Interfaces, checkInterface{Device: in.Device,
			ID: explain.InterfaceID(p, in.Device), NetworkACL: in.NetworkACL})
	}
}

// aclText says in a line how many rules a network ACL has, and which interfaces have it.
func aclText(p *policy.Policy, n *api.NetworkACLStatus) string {
	list := p.NetworkACL(n.Name)
	text := fmt.Sprintf("network ACL %s: %s in, %s out, ", n.Name, count(len(list.Ingress), "rule"),
		count(len(list.Egress), "rule"))
	if len(n.Interfaces) == 0 {
		return text + "on no interface: it judges nothing"
	}
	return text + "on " + strings.Join(n.Interfaces, ", ")
}
