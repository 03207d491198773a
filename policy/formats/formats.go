// Package formats reads a policy in whichever format people have it: it recognises the
// format, and hands the sources to its importer.
package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/awsjson"
	"sgfw/policy/cloudformation"
	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/firewalld"
	"sgfw/policy/iptables"
	"sgfw/policy/nftables"
	"sgfw/policy/terraform"
	"sgfw/policy/ufw"
)

// Format is a way in which security groups are written down.
type Format struct {
	// Name is what --format takes.
	Name string
	// What says what such files are.
	What string
	// Import reads sources that are all of the format.
	Import func([]convert.Source, convert.Options) convert.Result
	// Export writes a policy in the format, which is nil with an error among the problems. It
	// is nil for a format that is only read.
	Export func(*policy.Policy) ([]byte, policy.Problems)
	// partial: see [convert.Result]; an importer may say it, too.
	partial bool
	// absent: lists that the sources do not have are made by [convert.Draft.Absent], so that what
	// nothing needed of those that the user gave is known afterwards.
	absent bool
	// Says are the keys beside rules that the format has words for, see
	// [compare.BesideRules].
	Says []string
}

// Own is the name of the format of this program's policy files.
const Own = "sgfw"

var all = []Format{
	{Name: Own, What: "a policy file of sgfw", Import: importPolicy, Export: exportPolicy,
		Says: compare.BesideRules()},
	{Name: "aws", What: "what the AWS CLI prints about security groups, as JSON or YAML",
		Import: awsjson.Import, Export: awsjson.Export},
	{Name: "terraform", What: "configurations of Terraform, and what terraform show -json prints",
		Import: terraform.Import, Export: terraform.Export, absent: true,
		partial: true},
	{Name: "cloudformation", What: "templates of CloudFormation, in YAML or JSON",
		Import: cloudformation.Import, Export: cloudformation.Export, absent: true,
		partial: true},
	{Name: "ufw", What: "the rules of ufw, in /etc/ufw", Import: ufw.Import},
	{Name: "iptables", What: "what iptables-save, ip6tables-save and ipset save print",
		Import: iptables.Import, Says: []string{"icmp_errors"}},
	{Name: "firewalld", What: "zones and policies of firewalld, with services and ipsets",
		Import: firewalld.Import, Says: []string{"icmp_errors"}},
	{Name: "nftables", What: "what nft -j list ruleset prints", Import: nftables.Import,
		Export: nftables.Export, Says: []string{"icmp_errors"}},
}

// All are the formats, in the order in which help shows them.
func All() []Format { return slices.Clone(all) }

// Names are the names of the formats.
func Names() []string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	return names
}

// ExportNames are the names of the formats that [Export] writes.
func ExportNames() []string {
	var names []string
	for _, f := range all {
		if f.Export != nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// Export writes the policy of a result in a format. The text is nil with an error among the
// problems. Comments are for this program's own format alone.
func Export(name string, r *convert.Result) ([]byte, policy.Problems) {
	i := slices.IndexFunc(all, func(f Format) bool { return f.Name == name && f.Export != nil })
	if i < 0 {
		return nil, policy.Problems{{Message: fmt.Sprintf("nothing is written in format %q", name),
			Hint: "one of " + strings.Join(ExportNames(), ", ")}}
	}
	if name == Own {
		return file.Write(r.Policy, r.Comments), nil
	}
	return all[i].Export(r.Policy)
}

// exportPolicy writes a policy file of this program.
func exportPolicy(p *policy.Policy) ([]byte, policy.Problems) { return file.Write(p, nil), nil }

// Import reads sources, which make one policy together. An empty name means the format that
// they are recognised to be.
func Import(name string, sources []convert.Source, o convert.Options) convert.Result {
	guessed := false
	if bad := nothing(sources); bad != nil {
		return convert.Failed(*bad)
	}
	if name == "" {
		var bad *policy.Problem
		if name, bad = recognise(sources); bad != nil {
			return convert.Failed(*bad)
		}
		guessed = name == "" && !slices.ContainsFunc(sources, looksOwn) &&
			!slices.ContainsFunc(sources, looksForeign)
		name = cmp.Or(name, Own)
	}
	i := slices.IndexFunc(all, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return convert.Failed(policy.Problem{
			Message: fmt.Sprintf("there is no format %q", name),
			Hint:    "one of " + strings.Join(Names(), ", ")})
	}
	r := all[i].Import(sources, o)
	switch {
	case guessed && r.Policy == nil:
		r.Problems = append(policy.Problems{unrecognised(sources)}, r.Problems...)
	case all[i].absent && r.Policy != nil:
		r.Problems = append(unneeded(r.Policy, o), r.Problems...)
	}
	r.Format, r.Partial = name, r.Partial || all[i].partial
	r.Unsaid = slices.DeleteFunc(compare.BesideRules(),
		func(key string) bool { return slices.Contains(all[i].Says, key) })
	return r
}

// recognise returns the format of sources, by their text and by how their names end. It is
// empty for a text that looks like none.
func recognise(sources []convert.Source) (string, *policy.Problem) {
	var name, first string
	for _, s := range sources {
		this := recogniseOne(s)
		switch {
		case this == "":
		case name == "":
			name, first = this, s.Name
		case this != name:
			return "", &policy.Problem{Pos: policy.Pos{File: s.Name},
				Message: fmt.Sprintf("this is of format %s, and %s of format %s", this, first, name),
				Hint:    "import files of one format at a time, or say --format"}
		}
	}
	return name, nil
}

// nothing reports that no source has a word in it, which is none of a policy that permits
// nothing.
func nothing(sources []convert.Source) *policy.Problem {
	if len(sources) == 0 || slices.ContainsFunc(sources, hasText) {
		return nil
	}
	return &policy.Problem{Pos: policy.Pos{File: sources[0].Name, Line: 1, Col: 1},
		Message: "there is nothing in it", Hint: "if it came through a pipe, the command before " +
			"it has failed, or has nothing to say"}
}

func recogniseOne(s convert.Source) string {
	for _, suffix := range []string{".tf", ".tf.json", ".tfvars", ".tfvars.json"} {
		if strings.HasSuffix(s.Name, suffix) {
			return "terraform"
		}
	}
	if f, _ := file.Recognise(s.Data); f != nil {
		return f.Format
	}
	return ""
}

// importPolicy reads a policy file of this program.
func importPolicy(sources []convert.Source, _ convert.Options) convert.Result {
	if len(sources) != 1 {
		var last policy.Pos
		for _, s := range sources {
			last.File = s.Name
		}
		return convert.Failed(policy.Problem{Pos: last, Hint: "a policy of sgfw is one file",
			Message: fmt.Sprintf("%d policy files", len(sources))})
	}
	p, problems, err := file.Parse(sources[0].Name, sources[0].Data)
	if ps := policy.AsProblems(err); ps != nil {
		return convert.Result{Problems: ps}
	} else if err != nil {
		return convert.Failed(policy.Problem{Pos: policy.Pos{File: sources[0].Name},
			Message: err.Error()})
	}
	return convert.Result{Policy: p, Comments: file.Comments{}, Problems: problems}
}
