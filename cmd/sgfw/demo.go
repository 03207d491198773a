package main

import (
	"os"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/demo"
)

func (p *program) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show it on real packets between two throw-away namespaces",
		Long: `Make two network namespaces joined by a link, enforce the web server example
in one of them, try traffic that must pass and traffic that must not, over IPv4
and IPv6, and print what became of each and which rule or flow decided.

Nothing on this machine is touched, and nothing is left behind. It needs no root
where users may make namespaces.`,
		Example: `  sgfw demo`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return demo.Run(c.Context(), p.out, p.screen, self)
		},
	}
}
