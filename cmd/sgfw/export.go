package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/explain"
	"sgfw/policy/formats"
)

func (p *program) exportCommand() *cobra.Command {
	var from imports
	c := &cobra.Command{
		Use:   "export " + strings.Join(formats.ExportNames(), "|") + " FILE|FOLDER|-...",
		Short: "Write security groups in the format of another tool",
		Long: `Write the security groups of a policy in the format of another tool, to standard
output. The policy may be in any format that sgfw import reads.

What the other format cannot say is told on standard error. If the meaning would be
another, nothing is written.

--minimal writes the same meaning in as few rules as possible: ` + minimalHelp + `
Format sgfw is a policy file, as sgfw import writes it.`,
		Example: `  sgfw export cloudformation /etc/sgfw/sgfw.yaml > template.yaml
  sgfw export terraform sgfw.yaml > security_groups.tf
  sgfw export sgfw --minimal /etc/sgfw/sgfw.yaml > shorter.yaml
  sgfw export cloudformation main.tf > template.yaml`,
		DisableFlagsInUseLine: true, // the line is as long as a screen is wide

		Args:              atLeast("format", "FILE|FOLDER|-"),
		ValidArgsFunction: formatsFirst(formats.ExportNames()),
	}
	from.flags(c)
	minimal := minimalFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if !slices.Contains(formats.ExportNames(), args[0]) {
			return &usageError{fmt.Errorf("there is no format %q to write: one of %s", args[0],
				strings.Join(formats.ExportNames(), ", "))}
		}
		r, err := from.load(args[1:], c.InOrStdin())
		if err != nil {
			return err
		}
		if *minimal {
			p.shorten(r)
		}
		out, problems := formats.Export(args[0], r)
		if problems.Err() != nil {
			return problems
		}
		p.printProblems(explain.Problems(append(r.Problems, problems...)))
		_, err = p.out.Write(out)
		return err
	}
	return c
}
