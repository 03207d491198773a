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
	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/space"
)

// diffDocument is what `diff -o json` prints.
type diffDocument struct {
	Schema string `json:"schema"`
	policyDifference
}

// policyDifference is what may pass by one policy and not by another.
type policyDifference struct {
	// Old and New are what the policies were read from.
	Old string `json:"old"`
	New string `json:"new"`
	// Opened is true if something may pass that could not before, Closed for the reverse.
	Opened bool `json:"opened"`
	Closed bool `json:"closed"`
	// ByName is true if groups that rules name were compared by their names alone, since a
	// policy has neither interfaces nor peers, and so does not say who their members are.
	ByName     bool       `json:"groups_by_name"`
	Groups     []diffPart `json:"groups"`
	Interfaces []diffPart `json:"interfaces"`
	// Settings are those that decide on packets beside rules and are different.
	Settings []string `json:"settings"`
	// LeftOut are keys of interfaces and settings that are different, and do not count: the
	// format of one of the policies has no words for them.
	LeftOut []string `json:"left_out,omitempty"`
}

// diffPart is a group, or the device of an interface, that permits something else.
type diffPart struct {
	// Op is "+" for one that is new, "-" for one that is gone, "~" for one that was there.
	Op   string `json:"op"`
	Name string `json:"name"`
	// Was is what the group was called, if it has another name now.
	Was string `json:"was,omitempty"`
	// Ungoverned is true for a device that only one of the policies governs: everything
	// passes where none does.
	Ungoverned bool       `json:"ungoverned,omitempty"`
	Opened     []diffLine `json:"opened"`
	Closed     []diffLine `json:"closed"`
	// Allowed is what the network ACL of a device lets pass now and would have denied before,
	// Denied the reverse; left out where nothing is.
	Allowed []diffLine `json:"acl_allowed,omitempty"`
	Denied  []diffLine `json:"acl_denied,omitempty"`
	// Other is what decides on packets of a device beside rules, in words.
	Other []string `json:"other,omitempty"`
}

// diffLine is a part of what may pass: all its traffic, of or to all its peers.
type diffLine struct {
	Direction string        `json:"direction"`
	Traffic   []diffTraffic `json:"traffic"`
	// But is what is left out of all protocols.
	But []diffTraffic `json:"but,omitempty"`
	// Peers are CIDRs, and groups and lists of which not all addresses are known, as
	// "group web" and "list office"; "(IPv6)" behind it means its members of that family.
	Peers []string `json:"peers"`
}

// diffTraffic is traffic in the words of rules: -1 is for all.
type diffTraffic struct {
	Protocol string `json:"protocol"`
	From     int    `json:"from_port"`
	To       int    `json:"to_port"`
	// Fragments is true for later fragments alone, whose ports nobody sees.
	Fragments bool `json:"fragments,omitempty"`
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value string
	words []string
}

// Set implements pflag.Value.
func (o *oneOf) Set(s string) error {
	for _, w := range o.words {
		if s == w {
			o.value = s
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", s, strings.Join(o.words, ", "))
}

// String implements pflag.Value.
func (o *oneOf) String() string { return o.value }

// Type implements pflag.Value.
func (o *oneOf) Type() string { return strings.Join(o.words, "|") }

func (p *program) diffCommand() *cobra.Command {
	var from imports
	by := oneOf{"all", []string{"all", "group", "interface"}}
	failOn := oneOf{"any", []string{"any", "opened", "closed"}}
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what may pass by one policy and not by another",
		Long: `Compare what may pass by two policies: exact sets of packets, not lines. Each may be
in any format that sgfw import reads, a file, a folder or - for standard input.

Lines with + may pass by NEW and not by OLD, with - the reverse: for each group, and
where both policies have interfaces, for each of them, by all its groups together, and
apart from that by its network ACL, which has to allow answers as well.
Groups of other names that permit the same are taken to have been renamed.

A rule that names a group is for the addresses of the group's members that the
policies say, and for a group of that name beside them, since more may become
members. If a policy has neither interfaces nor peers it says of nobody to be a
member: then groups are compared by name alone. Settings that the format of one of
them has no words for, such as the view of an interface in Terraform, do not count.

Exit code 0 says that the same may pass, 6 that not; with --fail-on opened, 6 says that
something may pass that could not before, and with closed the reverse.`,
		Example: `  sgfw diff main.tf /etc/sgfw/sgfw.yaml
  sgfw diff --fail-on opened old.tf main.tf
  aws ec2 describe-security-groups | sgfw diff - main.tf
  sgfw diff -o json old.yaml new.yaml | jq '.groups[] | {name, opened}'`,
		Args:              exactly("OLD", "NEW"),
		ValidArgsFunction: policyFiles,
	}
	from.flags(c)
	out := outputFlag(c)
	c.Flags().Var(&by, "by", "compare groups, interfaces, or both")
	c.Flags().Var(&failOn, "fail-on", "which differences make the exit code 6")
	quiet := c.Flags().BoolP("quiet", "q", false, "print nothing: the exit code says the rest")
	c.RunE = func(c *cobra.Command, args []string) error {
		if p.quiet = *quiet; p.quiet && *out != formatTable {
			return &usageError{errors.New("--quiet and --output exclude each other")}
		}
		if args[0] == "-" && args[1] == "-" {
			return &usageError{errors.New("standard input is one policy, not two")}
		}
		before, err := from.loadOther(args[0], c.InOrStdin())
		if err != nil {
			return err
		}
		after, err := from.loadOther(args[1], c.InOrStdin())
		if err != nil {
			return err
		}
		if by.value == "interface" {
			for i, r := range []*convert.Result{before, after} {
				if len(r.Policy.Interfaces) == 0 {
					return fmt.Errorf("%s has no interfaces\n(hint: --attach eth0=%s)", args[i],
						exampleGroups(r.Policy))
				}
			}
		}
		p.printProblems(explain.Problems(before.Problems))
		p.printProblems(explain.Problems(after.Problems))
		d := compare.Policies(before.Policy, after.Policy, slices.Concat(before.Unsaid,
			after.Unsaid)...)
		switch by.value {
		case "group":
			d.Interfaces, d.Settings, d.LeftOut = nil, nil, nil
		case "interface":
			d.Groups = nil
		}
		switch {
		case *out == formatJSON:
			err = p.printJSON(diffDocument{api.Schema, differenceOf(named(args[0]), named(args[1]), d)})
		case !*quiet:
			p.printDifference(p.shown(out), named(args[0]), named(args[1]), d)
		}
		different := d.Opens() && failOn.value != "closed" || d.Closes() && failOn.value != "opened"
		if err == nil && different {
			err = errDifferent
		}
		return err
	}
	return c
}

// named is what an argument is called.
func named(arg string) string {
	if arg == "-" {
		return "stdin"
	}
	return arg
}

// loadOther reads a policy to compare. Devices are attached where it has no interfaces.
func (i *imports) loadOther(arg string, stdin io.Reader) (*convert.Result, error) {
	attachments, err := i.attachments()
	if err != nil {
		return nil, err
	}
	bare := *i
	bare.attach, bare.other = nil, true
	r, err := bare.load([]string{arg}, stdin)
	if err != nil || len(r.Policy.Interfaces) > 0 {
		return r, err
	}
	if r.Attach(attachments...); r.Policy == nil {
		return nil, r.Problems
	}
	return r, nil
}

// differenceOf is a difference as a document.
func differenceOf(before, after string, d *compare.Difference) policyDifference {
	return policyDifference{Old: before, New: after, Opened: d.Opens(), Closed: d.Closes(),
		ByName: d.ByName, Groups: diffParts(d.Groups), Interfaces: diffParts(d.Interfaces),
		Settings: append([]string{}, d.Settings...), LeftOut: d.LeftOut}
}

func diffParts(parts []compare.Part) []diffPart {
	out := make([]diffPart, 0, len(parts))
	for i := range parts {
		q := &parts[i]
		out = append(out, diffPart{Op: q.Op.String(), Name: q.Name, Was: q.Was,
			Ungoverned: q.Ungoverned, Opened: diffLines(q.Opened), Closed: diffLines(q.Closed),
			Allowed: diffLines(q.Allowed), Denied: diffLines(q.Denied), Other: q.Other})
	}
	return out
}

func diffLines(sets [2]space.Set) []diffLine {
	out := []diffLine{}
	for d, set := range sets {
		for _, l := range set.Lines() {
			out = append(out, diffLine{Direction: policy.Direction(d).String(),
				Traffic: diffTraffics(l.Traffic), But: diffTraffics(l.But), Peers: l.Peers})
		}
	}
	return out
}

func diffTraffics(list []space.Traffic) (out []diffTraffic) {
	for _, t := range list {
		out = append(out, diffTraffic{t.Protocol.String(), t.From, t.To, t.Fragments})
	}
	return out
}
