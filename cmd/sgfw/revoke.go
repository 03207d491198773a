package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
)

func (p *program) revokeCommand() *cobra.Command {
	var req api.RevokeRequest
	c := &cobra.Command{
		Use:   "revoke [TERM]...",
		Short: "Cut live flows",
		Long: `Cut the live flows that are selected; selectors all have to hold, and one is
needed: flags, or terms as those of "sgfw flows". It is effective with the next packet.
A connection that was cut does
not come back mid-stream, even where rules would permit its segments: what begins
anew, a SYN or another packet from the side that opened the flow, is for the
rules. So the flows of a rule that is gone are over for good; those that the
rules still permit can be opened again, and the answer says how many these are.

Flows that are not tracked (tracking: aws) are not cut, only counted: rules decide
about each of their packets, so that what ends them is to remove a rule.

What is remembered of a flow that was cut is listed by "sgfw flows --state
revoked" until the flow would have ended by itself. The SSH connection that you
use yourself is not cut (exit code 5) unless you say --force.`,
		Example: `  sudo sgfw flows revoke --orphans
  sudo sgfw flows revoke port:22 -from:192.0.2.0/24 --dry-run
  sudo sgfw flows revoke --address 203.0.113.0/24 --dry-run
  sudo sgfw flows revoke --rule web/ingress/0
  sudo sgfw flows revoke --rule sgr-0a1b2c3d4e5f60718
  sudo sgfw flows revoke --proto tcp --from 203.0.113.9:50000 --to 192.0.2.1:443`,
		Args:              termsOnly(query.OfFlows),
		ValidArgsFunction: p.terms(query.OfFlows),
	}
	out := outputFlag(c)
	f := c.Flags()
	selectors(f, &req.Flows)
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would be cut, change nothing")
	f.BoolVar(&req.Force, "force", false, "cut the SSH connection that you use yourself, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		req.Flows.Where = query.FromArguments(args)
		if req.Flows.All() {
			return &usageError{errors.New(
				"which flows? say at least one thing about them, such as --orphans")}
		}
		req.Caller = ssh.Caller()
		r, err := control.NewClient(p.socket).Revoke(c.Context(), req)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(r)
		}
		return p.printRevoked(p.shown(out), r)
	}
	return c
}

func (p *program) printRevoked(s screen.Screen, r api.RevokeReply) error {
	if len(r.Revoked.Flows) > 0 {
		l := flowTable(p.out, s)
		for _, f := range r.Revoked.Flows {
			if err := l.each(f); err != nil {
				return err
			}
		}
		if err := l.end(); err != nil {
			return err
		}
	}
	if more := r.Revoked.Count - len(r.Revoked.Flows); more > 0 {
		fmt.Fprintf(p.out, "and %s more\n", screen.Number(more))
	}
	text := "%s revoked"
	if r.DryRun {
		text = "dry run: %s would be revoked"
	}
	text = fmt.Sprintf(text, count(r.Revoked.Count, "flow"))
	if n := r.Revoked.Permitted; n > 0 {
		text += fmt.Sprintf("; rules still permit %s of them: they can be opened anew",
			screen.Number(n))
	}
	if n := r.Revoked.Untracked; n > 0 {
		text += fmt.Sprintf("; %s not: rules decide about each packet, remove one and reload",
			count(n, "untracked flow"))
	}
	p.print(s, screen.Plain, text)
	return nil
}
