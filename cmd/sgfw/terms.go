package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/query"
)

// termsHelp is what the help of a command says of terms.
func termsHelp(keys []string) string {
	return `A TERM is KEY:VALUE. -KEY:VALUE is the opposite, values with commas between them are
alternatives, and quotes hold names with blanks: group:"front ends",web.
Keys: ` + strings.Join(keys, ", ") + `. port takes a range, too,
from and to take ADDRESS, CIDR, ADDRESS:PORT and :PORT, iface a device, the beginning
of names and a *, or an ID.`
}

// termsOnly refuses arguments that are no terms, which a query would refuse as well, but
// not as misuse of the command.
func termsOnly(keys []string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if _, err := query.Parse(query.FromArguments(args), keys); err != nil {
			return &usageError{err}
		}
		return nil
	}
}

// termsOrNoSuchCommand is termsOnly for a command with others below it.
func termsOrNoSuchCommand(keys []string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 0 && !strings.Contains(args[0], ":") {
			return noSuchCommand(c, args)
		}
		return termsOnly(keys)(c, args)
	}
}

// terms completes keys, and values of those whose values are known.
func (p *program) terms(keys []string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion,
		cobra.ShellCompDirective) {
		typed = strings.TrimSpace(typed)
		minus := ""
		if strings.HasPrefix(typed, "-") {
			minus, typed = "-", typed[1:]
		}
		key, value, ok := strings.Cut(typed, ":")
		var out []cobra.Completion
		if !ok {
			for _, k := range keys {
				out = append(out, minus+k+":")
			}
			return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		if !slices.Contains(keys, key) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		before := value[:strings.LastIndexByte(value, ',')+1]
		for _, v := range p.termValues(c, args, key) {
			out = append(out, fmt.Sprintf("%s%s:%s%s", minus, key, before, query.Quote(v)))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// termValues are the values that are known for a key.
func (p *program) termValues(c *cobra.Command, args []string, key string) []string {
	switch key {
	case query.Proto:
		return []string{"tcp", "udp", "icmp", "icmpv6"}
	case query.Reason:
		return explain.ReasonNames()
	case query.Verdict:
		return []string{"accept", "drop"}
	case query.Dir:
		return []string{"ingress", "egress"}
	case query.State:
		return explain.StateNames()
	case query.Flags:
		return explain.FlagNames()
	case query.Group:
		out, _ := p.groups(c, args, "")
		return out
	case query.Iface:
		if out := p.managed(c); len(out) > 0 {
			return out
		}
		out, _ := deviceNames(c, args, "")
		return out
	}
	return nil
}

// managed lists the devices that the running daemon manages.
func (p *program) managed(c *cobra.Command) []string {
	ctx, cancel := patience(c.Context())
	defer cancel()
	s, err := control.NewClient(p.socket).Status(ctx)
	if err != nil {
		return nil
	}
	var out []string
	for _, in := range s.Interfaces {
		out = append(out, in.Device)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
