package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/inputs"
	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/formats"
)

func (p *program) importCommand() *cobra.Command {
	var from imports
	c := &cobra.Command{
		Use:   "import FILE|FOLDER|-...",
		Short: "Write a policy of security groups in other formats",
		Long: `Write a policy file of security groups that were written for something else, to
standard output: of Terraform, the AWS CLI, CloudFormation, or another firewall of
Linux. The format is recognised. Several files of one format make one policy.

What cannot be kept is said on standard error and in a comment at its place. If
something is wrong or cannot be resolved, all of it is reported at once, and nothing
is written. Nothing on the machine is changed, and no other machine is asked.`,
		Example: `  sgfw import main.tf --attach eth0=web-sg > sgfw.yaml
  aws ec2 describe-security-groups | sgfw import - --attach eth0=web,ssh
  terraform show -json | sgfw import -
  sgfw import main.tf --attach eth0=web-sg | sudo sgfw run -c -`,
		Args: atLeast("FILE|FOLDER|-"),
	}
	from.flags(c)
	minimal := minimalFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := from.load(args, c.InOrStdin())
		if err != nil {
			return err
		}
		if *minimal {
			p.shorten(r)
		}
		p.printProblems(explain.Problems(r.Problems))
		if len(r.Policy.Interfaces) == 0 {
			p.tell("notice: no device has these groups yet (hint: --attach eth0=" +
				exampleGroups(r.Policy) + ", or write interfaces)")
		}
		_, err = p.out.Write(file.Write(r.Policy, r.Comments))
		return err
	}
	return c
}

// imports are the flags of commands that read any format.
type imports struct {
	format string
	attach []string
	vars   []string
	values []string // files of them
	lists  []string
	// other says that there is a second policy, which may be of another format: files of
	// values are for the one of Terraform.
	other bool
	// sources is what was read last.
	sources []convert.Source
}

func (i *imports) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&i.format, "format", "", "what the files are, where that is not recognised: "+
		strings.Join(formats.Names(), ", "))
	f.StringArrayVar(&i.attach, "attach", nil, "DEVICE=GROUP,…: the groups of a device; repeatable")
	f.StringArrayVar(&i.vars, "var", nil, "NAME=VALUE: a variable or parameter; repeatable")
	f.StringArrayVar(&i.values, "var-file", nil, "FILE.tfvars: values of variables; repeatable")
	f.StringArrayVar(&i.lists, "prefix-list", nil,
		"NAME=FILE: the CIDRs of a list or group that is not in the files; repeatable")
}

// load reads the policy that arguments name. An error about what they say is its problems.
func (i *imports) load(args []string, stdin io.Reader) (*convert.Result, error) {
	if i.format != "" && !slices.Contains(formats.Names(), i.format) {
		return nil, &usageError{fmt.Errorf("--format: there is no format %q: one of %s", i.format,
			strings.Join(formats.Names(), ", "))}
	}
	attachments, err := i.attachments()
	if err != nil {
		return nil, err
	}
	var folders inputs.Reader
	o := convert.Options{Vars: map[string]string{}, Environ: map[string]string{},
		PrefixLists: map[string][]policy.PrefixEntry{}, Folder: folders.Folder}
	for _, v := range os.Environ() {
		if name, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, "TF_VAR_") {
			o.Environ[strings.TrimPrefix(name, "TF_VAR_")] = value
		}
	}
	for _, v := range i.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, &usageError{fmt.Errorf("--var: %q is not NAME=VALUE", v)}
		}
		o.Vars[name] = value
	}
	if err := i.given(o.PrefixLists); err != nil {
		return nil, err
	}
	sources, err := i.read(args, stdin)
	if err != nil {
		return nil, err
	}
	i.sources = sources
	r := formats.Import(i.format, sources, o)
	r.Attach(attachments...)
	if r.Policy == nil {
		return nil, r.Problems
	}
	return &r, nil
}

// read reads the sources that arguments name, and the files of values beside them.
func (i *imports) read(args []string, stdin io.Reader) ([]convert.Source, error) {
	for _, path := range i.values {
		if !strings.HasSuffix(strings.TrimSuffix(path, ".json"), ".tfvars") {
			return nil, &usageError{fmt.Errorf(
				"--var-file: %q is no .tfvars file: values of other formats are given by --var", path)}
		}
	}
	sources, err := inputs.Read(args, stdin)
	if err != nil || len(i.values) == 0 ||
		i.other && formats.Of(i.format, sources) != terraformFormat {
		return sources, err
	}
	values, err := inputs.Read(i.values, nil)
	return append(sources, values...), err
}

// terraformFormat is the format that has files of values.
const terraformFormat = "terraform"

// given reads the prefix lists that the user gives, and says of all of them what is wrong.
func (i *imports) given(lists map[string][]policy.PrefixEntry) error {
	var wrong policy.Problems
	var unread []error
	for _, l := range i.lists {
		name, path, ok := strings.Cut(l, "=")
		if !ok || name == "" || path == "" {
			return &usageError{fmt.Errorf("--prefix-list: %q is not NAME=FILE", l)}
		}
		entries, err := inputs.Prefixes(path)
		if problems := policy.AsProblems(err); problems != nil {
			wrong = append(wrong, problems...)
		} else if err != nil {
			unread = append(unread, err)
		}
		lists[name] = entries
	}
	if len(unread) > 0 {
		return errors.Join(unread...)
	}
	return wrong.Err()
}

func (i *imports) attachments() (out []convert.Attachment, err error) {
	for _, s := range i.attach {
		a, err := convert.ParseAttachment(s)
		if err != nil {
			return nil, &usageError{fmt.Errorf("--attach: %w", err)}
		}
		out = append(out, a)
	}
	return out, nil
}

// exampleGroups names a group or two for somebody who has to choose.
func exampleGroups(p *policy.Policy) string {
	var names []string
	for i := range p.Groups {
		if !p.Groups[i].Default && len(names) < 2 {
			names = append(names, p.Groups[i].Name)
		}
	}
	if len(names) == 0 {
		return policy.DefaultName
	}
	return strings.Join(names, ",")
}
