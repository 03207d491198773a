package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/screen"
)

func (p *program) reloadCommand() *cobra.Command {
	var req api.ReloadRequest
	var confirm time.Duration
	c := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read its policy file again",
		Long: `Have the running daemon read its policy file again, and say what changes, what
the SSH guard finds, and which live flows go on without a rule (orphans). When
the command returns with exit code 0, no packet is judged by the old rules any
more; live flows go on, but for untracked ones (tracking: aws), which end with
their rule. A policy that is invalid (exit code 3), or that would
lock out a live SSH session (exit code 5), changes nothing.

--dry-run says the same, with the same exit codes, and changes nothing. It looks back,
too: which connections that began of late would have been refused, and which that
were refused would have been let in. The daemon remembers that in a bounded memory
(sgfw run --past).

--confirm makes the policy wait for its confirmation: unless "sgfw confirm" comes in time, the
daemon goes back to the policy of before by itself, also if this command's
connection is gone, and after a restart of the daemon or the machine if it was
killed meanwhile. A reload before the confirmation goes on with the new policy: what to go
back to stays the same, and so does the deadline unless --confirm sets
another. The policy file is yours: it is never written.`,
		Example: `  sudo sgfw reload
  sudo sgfw reload --dry-run
  sudo sgfw reload --confirm 60s
  sudo sgfw reload --force`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	f := c.Flags()
	f.BoolVar(&req.Force, "force", false, "enforce even if a live SSH session would be locked out")
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would happen, change nothing")
	f.Var((*duration)(&confirm), "confirm", "roll back after this time unless \"sgfw confirm\" comes")
	f.BoolVar(&req.Revoke, "revoke", false, "cut the flows that the new policy leaves without a rule")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case !f.Changed("confirm"):
		case confirm < time.Second || confirm > api.MaxConfirm*time.Second:
			return &usageError{fmt.Errorf("--confirm %s: the time to confirm is 1s to %s", confirm,
				api.MaxConfirm*time.Second)}
		case req.Revoke:
			return &usageError{errors.New(
				"--confirm and --revoke exclude each other: a roll-back brings no flow back (see sgfw " +
					"confirm --revoke)")}
		}
		req.Confirm = int64(confirm.Round(time.Second) / time.Second)
		req.Caller = ssh.Caller()
		r, err := control.NewClient(p.socket).Reload(c.Context(), req)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			err = p.printJSON(r)
		} else {
			err = p.printReload(p.shown(out), r, confirm)
		}
		if err == nil && r.DryRun && r.SSHGuard.Refuses {
			return fmt.Errorf("%w: the policy would lock out a live SSH session\n(hint: permit the "+
				"client, or use --force to enforce the policy all the same)", errRefused)
		}
		return err
	}
	return c
}

func (p *program) printReload(s screen.Screen, r api.ReloadReply, confirm time.Duration) error {
	p.printProblems(r.Notices)
	p.printChanges(s, r.Changes)
	switch g := r.SSHGuard; {
	case len(g.Lockouts) > 0:
		what := "could not connect anew"
		if g.Cut == len(g.Lockouts) {
			what = "would be cut"
		}
		p.print(s, screen.Bad, "SSH guard: these live sessions "+what+":")
		for _, l := range g.Lockouts {
			p.print(s, screen.Plain, "  "+l)
		}
	case g.Sessions > 0:
		p.print(s, screen.Plain, "SSH guard: "+count(g.Sessions, "live session")+" could connect anew")
	default:
		p.print(s, screen.Plain, "SSH guard: no live session")
	}
	if err := p.printOrphans(s, r.Orphans, r.Revoked); err != nil {
		return err
	}
	if err := p.printCut(s, r.Cut); err != nil {
		return err
	}
	if err := p.printPast(s, r.Past); err != nil {
		return err
	}
	dry := fmt.Sprintf("dry run: generation %d stays in force", r.Generation)
	switch {
	case r.DryRun && confirm > 0:
		p.print(s, screen.Plain, fmt.Sprintf("%s; the new policy would have to be confirmed within %s",
			dry, confirm))
	case r.DryRun:
		p.print(s, screen.Plain, dry)
	default:
		p.print(s, screen.Good, fmt.Sprintf("reloaded: generation %d is in force", r.Generation))
	}
	if r.Pending != nil {
		p.print(s, screen.Warn, "to be confirmed: "+confirmText(*r.Pending))
	}
	return nil
}

// confirmText says when an unconfirmed policy is rolled back, and how to keep it.
func confirmText(t api.PendingConfirm) string {
	return fmt.Sprintf("rolled back at %s (in %d s) unless \"sgfw confirm\" comes",
		t.Deadline.Local().Format(time.TimeOnly), t.Left)
}

// printChanges lists what leads from one policy to another.
func (p *program) printChanges(s screen.Screen, changes []api.Change) {
	if len(changes) == 0 {
		p.print(s, screen.Plain, "no changes")
		return
	}
	p.print(s, screen.Plain, count(len(changes), "change")+":")
	for _, c := range changes {
		line := c.Op + " " + c.Part
		if c.What != "" {
			line += ": " + c.What
		}
		p.print(s, changeStyles[c.Op], "  "+withID(line, c.ID))
	}
}

// changeStyles are how the lines of a change look.
var changeStyles = map[string]screen.Style{"+": screen.Good, "-": screen.Bad, "~": screen.Warn}

// orphansShown is how many flows a command lists that is not about flows.
const orphansShown = 10

// printOrphans lists the flows without a rule; revoked is not nil if they were cut.
func (p *program) printOrphans(s screen.Screen, o api.Orphans, revoked *api.Revoked) error {
	flows := o.Flows
	switch {
	case revoked != nil:
		p.print(s, screen.Plain, "orphans: "+count(revoked.Count, "live flow")+" without a rule cut")
		flows = revoked.Flows
	case o.Count == 0:
		p.print(s, screen.Plain, "orphans: every live flow has a rule")
	default:
		verb := "go"
		if o.Count == 1 {
			verb = "goes"
		}
		p.print(s, screen.Warn, fmt.Sprintf("orphans: %s %s on without a rule (\"sgfw flows revoke "+
			"--orphans\" cuts them)", count(o.Count, "live flow"), verb))
	}
	return p.printSomeFlows(s, flows, max(o.Count, len(flows)))
}

// ruleOf is the rule that admitted a flow, and what became of it.
func ruleOf(f api.Flow) string {
	var notes []string
	out := "-"
	if f.Rule != nil {
		out = ruleName(f.Rule)
		if f.Rule.Gone {
			notes = append(notes, "removed")
		}
	}
	if f.Adopted {
		notes = append(notes, "adopted")
	}
	if f.Orphan {
		notes = append(notes, "orphan")
	}
	if f.Cut {
		notes = append(notes, "cut")
	}
	if f.DeniedBy != nil {
		notes = append(notes, "denied by "+ruleName(f.DeniedBy))
	}
	if len(notes) > 0 {
		out += " (" + strings.Join(notes, ", ") + ")"
	}
	return out
}

// protocolOf is a flow's protocol, with what takes the place of ports.
func protocolOf(f api.Flow) string {
	if f.ICMPType != nil {
		return fmt.Sprintf("%s type %d id %d", f.Protocol, *f.ICMPType, *f.ICMPID)
	}
	return f.Protocol
}
