package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

func (p *program) confirmCommand() *cobra.Command {
	var req api.EndConfirmRequest
	c := &cobra.Command{
		Use:   "confirm",
		Short: "Keep the policy that waits to be confirmed",
		Long: `End the wait that "sgfw reload --confirm" began: the policy in force stays. If
no policy waits to be confirmed, because it was rolled back already for instance, the exit
code is 1.`,
		Example: `  sudo sgfw confirm
  sudo sgfw confirm --revoke`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().BoolVar(&req.Revoke, "revoke", false,
		"cut the flows that the policy leaves without a rule")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, err := control.NewClient(p.socket).Confirm(c.Context(), req)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(r)
		}
		if err := p.printOrphans(p.shown(out), r.Orphans, r.Revoked); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "confirmed: generation %d stays in force\n", r.Generation)
		return err
	}
	return c
}

func (p *program) rollbackCommand() *cobra.Command {
	var req api.EndConfirmRequest
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Go back from the unconfirmed policy at once",
		Long: `End the wait that "sgfw reload --confirm" began: the policy of before is in
force again, as it would be at the end of the time. The policy file stays as you
wrote it: status says that it differs, and "sgfw reload" puts it in force all
the same. Flows that only the unconfirmed policy permits go on, as after every
reload; --revoke cuts them. If no policy waits to be confirmed, the exit code is 1.`,
		Example: `  sudo sgfw rollback
  sudo sgfw rollback --revoke`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().BoolVar(&req.Revoke, "revoke", false,
		"cut the flows that only the unconfirmed policy permits")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, err := control.NewClient(p.socket).Rollback(c.Context(), req)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(r)
		}
		p.printChanges(p.shown(out), r.Changes)
		if err := p.printOrphans(p.shown(out), r.Orphans, r.Revoked); err != nil {
			return err
		}
		if err := p.printCut(p.shown(out), r.Cut); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "rolled back: generation %d is in force\n", r.Generation)
		return err
	}
	return c
}
