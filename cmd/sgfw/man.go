package main

import (
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/manual"
	"sgfw/cmd/internal/state"
	"sgfw/examples"
	"sgfw/policy/file"
)

// The manual pages that manCommand writes.
const (
	programPage = "sgfw.8"
	policyPage  = "sgfw.yaml.5"
)

// manCommand is for those who make packages; users read what man(1) shows.
func (p *program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "man " + programPage + "|" + policyPage,
		Short:     "Print a manual page in the language of man(7)",
		Example:   `  sgfw man sgfw.8 | man -l -`,
		Hidden:    true,
		ValidArgs: []cobra.Completion{programPage, policyPage},
		Args:      cobra.MatchAll(exactly("page"), cobra.OnlyValidArgs),
		RunE: func(c *cobra.Command, args []string) error {
			version := buildVersion().Version
			if args[0] == policyPage {
				return manual.Policy(p.out, file.Reference(), version, examples.WebServer)
			}
			return manual.Program(p.out, c.Root(), version, manual.Surroundings{
				Files: []manual.Item{
					{Name: defaultPolicy, Text: "The policy that sgfw run enforces unless told otherwise: see " +
						"sgfw.yaml(5)."},
					{Name: control.DefaultSocket, Text: "The control socket of the daemon."},
					{Name: strings.TrimSuffix(control.DefaultSocket, ".sock") + ".flows",
						Text: "The live flows, for the next daemon. Without the file it begins with none."},
					{Name: state.DefaultDir, Text: "What the daemon keeps over restarts."},
				},
				Variables: []manual.Item{
					{Name: socketVariable, Text: "The control socket, for every command that --socket does not " +
						"name one for. sudo does not hand it on unless it is told to."},
					{Name: "COLUMNS", Text: "The width of tables, also in files and pipes."},
					{Name: "NO_COLOR", Text: "No colours, whatever it says."},
				},
			})
		},
	}
}
