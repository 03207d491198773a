package main

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/formats"
)

// completionPatience bounds how long a press of the tab key waits for a daemon.
const completionPatience = time.Second

// completions are what flags of these names take, whatever the command.
func (p *program) completions() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"config":       policyFiles,
		"format":       words(formats.Names()...),
		"direction":    words("ingress", "egress"),
		"group":        p.groups,
		"interface":    deviceNames,
		"log-format":   words("text", "json"),
		"output":       words("table", "wide", "json"),
		"proto":        words("tcp", "udp", "icmp", "icmpv6"),
		"queue-driver": drivers,
		"reason":       words(explain.ReasonNames()...),
		"state":        words(explain.StateNames()...),
		"state-dir":    directories,
		"segment":      words("syn", "syn-ack", "ack", "fin", "rst"),
	}
}

// complete gives every flag of the command and of those below it its
// completion, unless it has one.
func (p *program) complete(c *cobra.Command) {
	known := p.completions()
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has || f.Value.Type() == "bool" {
			return
		}
		answer, ok := known[f.Name]
		if !ok {
			// Not the files of the current directory, which the shell would offer.
			answer = cobra.NoFileCompletions
			if f.Name == "socket" {
				return
			}
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, answer); err != nil {
			panic(err) // the flag is there, and has none
		}
	})
	if c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range c.Commands() {
		p.complete(sub)
	}
}

// words completes a fixed choice.
func words(all ...cobra.Completion) cobra.CompletionFunc {
	return cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)
}

func drivers(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, d := range policy.QueueDrivers() {
		out = append(out, string(d))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// policyFiles has the shell offer files that may be policies.
func policyFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// directories has the shell offer directories.
func directories(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// deviceNames completes the network devices of this machine.
func deviceNames(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var out []cobra.Completion
	for _, i := range list {
		out = append(out, i.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// groups completes the security groups of the file that the command line names;
// without one, those that the running daemon has attached, and where none
// answers those of the default policy file.
func (p *program) groups(c *cobra.Command, _ []string, _ string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	path := defaultPolicy
	if f := c.Flags().Lookup("config"); f != nil && f.Changed {
		path = f.Value.String()
	} else if out := p.attached(c.Context()); len(out) > 0 {
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	pol, _, err := file.Load(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for i := range pol.Groups {
		out = append(out, pol.Groups[i].Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// patience is a context for a question to the daemon.
func patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, completionPatience)
}

// attached lists the groups on the interfaces of the running daemon.
func (p *program) attached(ctx context.Context) []cobra.Completion {
	ctx, cancel := patience(ctx)
	defer cancel()
	s, err := control.NewClient(p.socket).Status(ctx)
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for _, in := range s.Interfaces {
		out = append(out, in.Groups...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
