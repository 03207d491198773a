package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/inputs"
	"sgfw/cmd/internal/report"
	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/convert"
	"sgfw/policy/formats"
	"sgfw/policy/reputation"
)

// auditFormat is how an audit is printed.
type auditFormat string

// auditFormats are those that -o takes, the default first.
var auditFormats = []string{"table", "json", "sarif", "junit", "markdown"}

// Set implements pflag.Value.
func (f *auditFormat) Set(s string) error {
	if !slices.Contains(auditFormats, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(auditFormats, ", "))
	}
	*f = auditFormat(s)
	return nil
}

// String implements pflag.Value.
func (f *auditFormat) String() string { return string(*f) }

// Type implements pflag.Value. All words here would leave the texts of help no room.
func (f *auditFormat) Type() string { return "format" }

// failNever is the value of --fail-on that nothing reaches.
const failNever = "none"

// audits are the flags of the command.
type audits struct {
	imports
	include, ignore, reputation []string
	list, fix                   bool
	failOn                      string
	vendor                      vendor
	ports                       int
	output                      auditFormat
}

func (p *program) auditCommand() *cobra.Command {
	a := &audits{output: auditFormat(auditFormats[0])}
	c := &cobra.Command{
		Use:   "audit [FILE|FOLDER|-...]",
		Short: "Say what is wrong with security groups",
		Long: `Say what is wrong with security groups, in any format that sgfw import reads: what
they open to everybody, what serves nothing, what will surprise. Each finding has a
stable code, a severity, the place in the file, why it matters and what to do, and
the codes of Checkov, Trivy, Prowler, Security Hub and CIS for the same.

It counts what rules permit together, not how they are written: 0.0.0.0/1 and
128.0.0.0/1, a prefix list, or two groups of an interface may be everybody.

A comment above a rule or its group, or on its line, hides findings until a day:

  # sgfw:ignore open-sensitive until 2027-01-31: the old office moves in January

Without a file the policy of the running daemon is audited, with what the daemon has
seen: rules that were never hit, and rules wider than what live flows use.

--fix prints a diff of a policy file in place of the findings. It takes out what has
no effect on any packet, such as rules that others cover, and, of the running daemon's
policy, what nothing that was seen has needed. Each part says which finding it is for
and why nothing breaks; every other line stays as it is, and --ignore leaves out what
you do not want. Read it before you apply it.

Exit code 10 says that a finding is at or above --fail-on. Nothing on the machine
is changed, and no other machine is asked, but with --reputation metadefender: that
sends public addresses of the groups to the vendor, and says first which.`,
		Example: `  sgfw audit main.tf
  aws ec2 describe-security-groups | sgfw audit -
  sgfw audit /etc/sgfw/sgfw.yaml --fail-on medium -o sarif > sgfw.sarif
  sgfw audit main.tf --reputation drop.txt,firehol_level1.netset
  sgfw audit --list
  sudo sgfw audit
  sgfw audit --fix sgfw.yaml | patch sgfw.yaml
  sudo sgfw audit --fix | sudo patch /etc/sgfw/sgfw.yaml`,
	}
	a.flags(c)
	f := c.Flags()
	f.StringSliceVar(&a.include, "include", nil, "GROUP,…: look at these groups only")
	f.StringSliceVar(&a.ignore, "ignore", nil, "CODE,…: findings that do not matter here")
	f.StringSliceVar(&a.reputation, "reputation", nil,
		"FILE,…: block lists of FireHOL or Spamhaus that public peers are held against; "+
			askVendor+" asks that service")
	a.vendor.flags(f)
	f.BoolVar(&a.list, "list", false, "list the checks and audit nothing")
	f.BoolVar(&a.fix, "fix", false,
		"print a diff that mends a policy file, in place of the findings")
	f.StringVar(&a.failOn, "fail-on", audit.High.String(),
		"the severity from which on the exit code is 10: "+
			strings.Join(append(audit.Severities(), failNever), ", "))
	f.IntVar(&a.ports, "range", audit.DefaultRange,
		"how many ports a public peer may have in one rule")
	f.VarP(&a.output, "output", "o", "how to print findings: "+strings.Join(auditFormats, ", "))
	complete(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if a.list {
			return p.printAudit(a, listOfChecks(a.failOn))
		}
		if a.fix && c.Flags().Changed("output") {
			return &usageError{errors.New("--fix prints a diff: it goes without --output")}
		}
		doc, err := p.audit(c.Context(), a, args, c.InOrStdin())
		if err != nil || doc == nil {
			return err
		}
		if err := p.printAudit(a, doc); err != nil {
			return err
		}
		if doc.Summary.Failed {
			return errFindings
		}
		return nil
	}
	return c
}

// complete gives the flags of an audit their completions.
func complete(c *cobra.Command) {
	var codes []cobra.Completion
	for _, check := range audit.Checks() {
		codes = append(codes, check.Code)
	}
	for flag, answer := range map[string]cobra.CompletionFunc{
		"output": words(auditFormats...), "ignore": words(codes...),
		"fail-on": words(append(audit.Severities(), failNever)...),
	} {
		if err := c.RegisterFlagCompletionFunc(flag, answer); err != nil {
			panic(err) // the flag is there, and has none
		}
	}
}

// options are what the flags say of an audit.
func (a *audits) options() (audit.Options, error) {
	o := audit.Options{Include: a.include, Ignore: a.ignore, Range: a.ports}
	if _, err := audit.ParseSeverity(a.failOn); err != nil && a.failOn != failNever {
		return o, &usageError{fmt.Errorf("--fail-on: %w, or %s", err, failNever)}
	}
	if a.ports < 1 {
		return o, &usageError{errors.New("--range: at least one port")}
	}
	for _, code := range a.ignore {
		if audit.Of(code) == nil {
			return o, &usageError{fmt.Errorf("--ignore: there is no check %q; audit --list names them",
				code)}
		}
	}
	for _, path := range a.reputation {
		if path == askVendor {
			if err := a.vendor.ready(); err != nil {
				return o, err
			}
			continue
		}
		data, err := inputs.File(path)
		if err != nil {
			return o, err
		}
		l, problems := reputation.Parse(path, data)
		if l == nil {
			return o, problems
		}
		o.Lists = append(o.Lists, l)
	}
	return o, nil
}

// audit looks at what the arguments name, or at the running daemon.
func (p *program) audit(ctx context.Context, a *audits, args []string, stdin io.Reader) (*api.Audit,
	error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	var seen *witness
	if len(args) == 0 {
		if seen, err = p.witness(ctx); err != nil {
			return nil, err
		}
		args = []string{seen.file}
	}
	r, err := a.load(args, stdin)
	if err != nil {
		return nil, err
	}
	if a.fix && (r.Format != formats.Own || len(a.sources) != 1) {
		return nil, notFixed(r.Format, args)
	}
	p.printProblems(explain.Problems(r.Problems))
	for _, name := range o.Include {
		if r.Policy.Group(name) == nil {
			return nil, &usageError{fmt.Errorf("--include: there is no group %q", name)}
		}
	}
	o.Now, o.Texts, o.Partial = p.now(), map[string][]byte{}, r.Partial
	o.Raised = r.Format != formats.Own
	for i := range r.Policy.PrefixLists {
		if _, absent := convert.AbsentKey(r.Policy.PrefixLists[i].Pos); absent {
			o.Elsewhere = append(o.Elsewhere, r.Policy.PrefixLists[i].Name)
		}
	}
	var names []string
	for _, s := range a.sources {
		o.Texts[s.Name], names = s.Data, append(names, s.Name)
	}
	if seen != nil {
		seen.tell(r.Policy, &o)
	}
	var verdicts []api.AddressVerdict
	if slices.Contains(a.reputation, askVendor) {
		l, said, err := p.askVendor(ctx, &a.vendor, r.Policy, o)
		if err != nil {
			return nil, err
		}
		o.Lists, verdicts = append(o.Lists, l), said
	}
	found := audit.Run(r.Policy, o)
	if a.fix {
		return nil, p.printFix(a, r, seen, found)
	}
	doc := auditDocument(names, a.failOn, found)
	if doc.Reputation != nil {
		doc.Reputation.Verdicts = verdicts
	}
	return doc, nil
}

// printAudit prints an audit as the flags say.
func (p *program) printAudit(a *audits, doc *api.Audit) error {
	switch a.output {
	case "json":
		return p.printJSON(doc)
	case "sarif":
		return report.SARIF(p.out, buildVersion().Version, doc)
	case "junit":
		var codes []string
		for _, c := range audit.Checks() {
			codes = append(codes, c.Code)
		}
		return report.JUnit(p.out, codes, doc)
	case "markdown":
		return report.Markdown(p.out, doc)
	}
	if a.list {
		t := facts(p.out, p.screen)
		for _, c := range doc.Checks {
			t.Row(c.Code, c.Severity+": "+c.Title)
		}
		return t.Flush()
	}
	return report.Text(p.out, p.screen, doc)
}

// listOfChecks is the document of all that an audit looks for.
func listOfChecks(failOn string) *api.Audit {
	doc := auditDocument(nil, failOn, &audit.Report{})
	for _, c := range audit.Checks() {
		doc.Checks = append(doc.Checks, auditCheck(c))
	}
	return doc
}

func auditCheck(c *audit.Check) api.AuditCheck {
	return api.AuditCheck{Code: c.Code, Severity: c.Severity.String(), Title: c.Title, Why: c.Why,
		Do: c.Do, Instead: c.Instead, Also: append([]string{}, c.Codes().All()...)}
}

// auditDocument is what an audit found, as a document.
func auditDocument(sources []string, failOn string, r *audit.Report) *api.Audit {
	doc := &api.Audit{Schema: api.Schema, Sources: append([]string{}, sources...),
		Findings: []api.AuditFinding{}, Ignored: []api.AuditFinding{}, Checks: []api.AuditCheck{}}
	doc.Summary = api.AuditSummary{Groups: r.Groups, Rules: r.Rules,
		High: r.Count(audit.High), Medium: r.Count(audit.Medium), Low: r.Count(audit.Low),
		Notices: r.Count(audit.Notice), Ignored: len(r.Ignored), FailOn: failOn}
	used := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		doc.Findings = append(doc.Findings, auditFinding(f))
		used[f.Check.Code] = true
		doc.Summary.Failed = doc.Summary.Failed || report.Fails(failOn, f.Severity.String())
	}
	for i := range r.Ignored {
		f := auditFinding(&r.Ignored[i].Finding)
		f.Reason, f.Until = r.Ignored[i].Reason, r.Ignored[i].Until
		doc.Ignored = append(doc.Ignored, f)
		used[f.Code] = true
	}
	for _, c := range audit.Checks() {
		if used[c.Code] {
			doc.Checks = append(doc.Checks, auditCheck(c))
		}
	}
	if rep := r.Reputation; rep != nil {
		doc.Reputation = &api.AuditReputation{Checked: rep.Checked, Skipped: []api.SkippedPeers{}}
		for _, l := range rep.Lists {
			doc.Reputation.Lists = append(doc.Reputation.Lists, api.BlockList{File: l.Name,
				Title: l.Title, Date: l.Date, Entries: l.Len()})
		}
		for _, s := range rep.Skipped {
			doc.Reputation.Skipped = append(doc.Reputation.Skipped, api.SkippedPeers(s))
		}
	}
	return doc
}

func auditFinding(f *audit.Finding) api.AuditFinding {
	out := api.AuditFinding{Code: f.Check.Code, Severity: f.Severity.String(), Message: f.Message,
		Group: f.Group, Device: f.Device, Rule: f.Rule, Narrower: f.Narrower, Also: f.Also.All()}
	if f.Pos.File != "" {
		at := location(f.Pos)
		out.Location = &at
	}
	for _, pos := range f.Related {
		out.Related = append(out.Related, location(pos))
	}
	return out
}

func location(pos policy.Pos) api.Location {
	return api.Location{File: pos.File, Line: max(pos.Line, 0), Col: max(pos.Col, 0)}
}
