package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exactly takes one argument for each of these names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return fmt.Errorf("%q is too much: %s", args[len(names)], c.UseLine())
		}
		return atLeast(names...)(c, args)
	}
}

// atLeast takes an argument for each of these names, and more. The first that is missing
// is named.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("which %s? %s", names[len(args)], c.UseLine())
		}
		return nil
	}
}

// meantFlag is the flag whose value a stray word is, as it has to be written, "" for none:
// a flag that may stand alone takes its value after = and not after a space.
func meantFlag(c *cobra.Command, word string) (written string) {
	c.Flags().Visit(func(f *pflag.Flag) {
		alone := f.NoOptDefVal != "" && f.Value.Type() != "bool"
		if alone && f.Value.String() == f.NoOptDefVal && f.Value.Set(word) == nil {
			written = "--" + f.Name + "=" + word
		}
	})
	return written
}

// formatsFirst completes the name of a format, then files of any.
func formatsFirst(names []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion,
		cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return slices.Clone(names), cobra.ShellCompDirectiveNoFileComp
	}
}
