package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sgfw/policy"
)

// helpWidth is the widest that help becomes: longer lines are hard to read.
const helpWidth = 80

// help makes the help of all commands fit, and errors of use say what was perhaps meant.
func (p *program) help(root *cobra.Command) {
	s := p.screen.AtMost(helpWidth)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ",
		fmt.Sprintf("Flags.FlagUsagesWrapped %d ", s.Width)))
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	var fill func(*cobra.Command)
	fill = func(c *cobra.Command) {
		c.Long = s.Fill(c.Long)
		for _, sub := range c.Commands() {
			fill(sub)
		}
	}
	fill(root)
}

// otherWords are what people call the commands, from other tools.
var otherWords = map[string][]string{
	"audit":   {"scan", "findings", "security", "review"},
	"capture": {"tcpdump", "dump", "sniff", "pcap"},
	"check":   {"validate", "lint", "test", "verify", "plan"},
	"cleanup": {"flush", "clear", "clean"},
	"confirm": {"commit", "accept", "save"},
	"diff":    {"compare", "changes"},
	"doctor":  {"diagnose", "debug"},
	"explain": {"trace", "why", "simulate", "analyze"},
	"flows":   {"connections", "conntrack", "sessions", "states"},
	"init":    {"setup", "new", "generate", "create"},
	"learn":   {"observe", "discover", "record"},
	"log":     {"logs", "drops", "monitor", "tail", "watch"},
	"replay":  {"playback", "rejudge"},
	"reload":  {"apply", "restart", "update"},
	"revoke":  {"kill", "cut", "drop"},
	"rules":   {"list", "show", "hits"},
	"run":     {"start", "up", "enable", "daemon"},
	"status":  {"info", "state", "stats"},
}

// noSuchCommand takes no arguments: one is a command that there is not.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
	if flag := meantFlag(c, args[0]); flag != "" {
		text += fmt.Sprintf(" (hint: did you mean %s?)", flag)
	} else if near := meant(c, args[0]); near != "" {
		text += fmt.Sprintf(" (hint: did you mean %q?)", near)
	}
	return errors.New(text)
}

// meant is the command line of the command that the word perhaps stands for, "" for
// none. One below another command counts, too.
func meant(c *cobra.Command, word string) string {
	var names []string
	paths := make(map[string]string)
	var collect func(*cobra.Command)
	collect = func(parent *cobra.Command) {
		for _, sub := range parent.Commands() {
			if sub.Hidden {
				continue
			}
			for _, name := range append([]string{sub.Name()}, otherWords[sub.Name()]...) {
				if _, taken := paths[name]; !taken {
					names, paths[name] = append(names, name), sub.CommandPath()
				}
			}
			collect(sub)
		}
	}
	collect(c)
	if path, ok := paths[word]; ok {
		return path
	}
	for _, name := range names {
		if len(word) > 1 && strings.HasPrefix(name, word) {
			return paths[name]
		}
	}
	return paths[policy.Suggest(word, names)]
}

// flagError says which flag was perhaps meant.
func flagError(c *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := policy.Suggest(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w (hint: did you mean --%s?)", err, near)
	}
	return err
}
