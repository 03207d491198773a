package manual

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Surroundings are what the program uses besides its arguments.
type Surroundings struct {
	// Files and Variables of the environment have sections of their own.
	Files, Variables []Item
}

// Item is a file or a variable, and what it is for.
type Item struct{ Name, Text string }

// Program writes sgfw(8): the help of root and of every command that users see.
func Program(w io.Writer, root *cobra.Command, version string, with Surroundings) error {
	p := newPage(root.Name(), "8", "System Administration", version)
	p.macro("SH", "NAME")
	p.lines(root.Name() + " - " + root.Short)
	p.macro("SH", "SYNOPSIS")
	p.macro("B", root.Name())
	p.lines("[--socket PATH] COMMAND [flags]")
	p.macro("SH", "DESCRIPTION")
	p.text(root.Long)
	p.verbatim(root.Example)
	p.macro("SH", "OPTIONS OF EVERY COMMAND")
	p.flags(root.PersistentFlags())
	p.macro("SH", "COMMANDS")
	for _, c := range visible(root) {
		p.command(c)
	}
	p.macro("SH", "ENVIRONMENT")
	p.items(with.Variables)
	p.macro("SH", "FILES")
	p.items(with.Files)
	p.macro("SH", "SEE ALSO")
	p.lines("sgfw.yaml(5), nft(8), systemd.service(5)")
	return p.flush(w)
}

// visible lists the commands below c, each before its own.
func visible(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			out = append(append(out, sub), visible(sub)...)
		}
	}
	return out
}

func (p *page) command(c *cobra.Command) {
	p.macro("SS", strings.TrimSuffix(c.UseLine(), " [flags]"))
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	p.text(text)
	p.flags(c.LocalNonPersistentFlags())
	if c.Example != "" {
		p.verbatim(c.Example)
	}
}

func (p *page) flags(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			term += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" &&
			f.DefValue != "[]" {
			usage += " (default: " + f.DefValue + ")"
		}
		p.item(term, usage)
	})
}
