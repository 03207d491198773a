package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/sshguard"
)

func (p *program) reloadCommand() *cobra.Command {
	var req control.ReloadRequest
	c := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read its policy file again",
		Long: `Have the running daemon read its policy file again. When the command returns
with exit code 0, no packet is judged by the old rules any more; live flows go
on. A policy that is invalid (exit code 3), or that would lock out a live SSH
session (exit code 5), changes nothing.`,
		Example: `  sudo sgfw reload
  sudo sgfw reload --force`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().BoolVar(&req.Force, "force", false, "enforce even if a live SSH session would be locked out")
	c.RunE = func(c *cobra.Command, _ []string) error {
		req.Caller = sshguard.Caller()
		r, err := control.NewClient(p.socket).Reload(c.Context(), req)
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(r)
		}
		p.printProblems(r.Notices)
		_, err = fmt.Fprintf(p.out, "reloaded: generation %d is in force\n", r.Generation)
		return err
	}
	return c
}
