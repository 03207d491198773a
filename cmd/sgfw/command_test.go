package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// commands lists the program and all subcommands that users see.
func commands(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			out = append(out, commands(sub)...)
		}
	}
	return out
}

// helpOf is what --help prints.
func helpOf(t *testing.T, c *cobra.Command) string {
	t.Helper()
	var b strings.Builder
	p := &program{out: &b, err: &b}
	if code := p.run(append(strings.Fields(c.CommandPath())[1:], "--help")); code != exitOK {
		t.Errorf("%s --help: exit %d", c.CommandPath(), code)
	}
	return b.String()
}

// Every command says what it does and shows how, with command lines that parse.
func TestHelp(t *testing.T) {
	flagLine := regexp.MustCompile(`^ +(-\w, )?--\S+( \S+)? {3,}`)
	root := (&program{out: io.Discard, err: io.Discard}).rootCommand()
	for _, c := range commands(root) {
		if c.Short == "" || c.Example == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: needs a short text without a full stop, and an example", c.CommandPath())
		}
		for line := range strings.Lines(helpOf(t, c)) {
			if n := screen.Width(strings.TrimSuffix(line, "\n")); n > helpWidth {
				t.Errorf("%s: a line of its help takes %d columns: %q", c.CommandPath(), n, line)
			}
			if at := flagLine.FindString(line); screen.Width(at) > helpWidth/2 {
				t.Errorf("%s: names of flags leave their texts no room: %q", c.CommandPath(), line)
			}
		}
		for line := range strings.Lines(c.Example) {
			var own []string
			for _, part := range strings.Split(line, "|") {
				part, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(part), "sudo "), ">")
				if args := strings.Fields(part); len(args) > 0 && args[0] == "sgfw" {
					own = query.Shield(args[1:])
					break
				}
			}
			if own == nil {
				t.Errorf("%s: example %q is no command line of sgfw", c.CommandPath(), line)
				continue
			}
			sub, rest, err := (&program{}).rootCommand().Find(own)
			if err == nil {
				err = sub.ParseFlags(rest)
			}
			if err == nil {
				err = sub.ValidateArgs(sub.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want exitCode
	}{
		{nil, 0},
		{errors.New("disk full"), 1},
		{control.ErrRunning, 1},
		{&api.Failure{Kind: api.KindFailed}, 1},
		{&api.Failure{Kind: api.KindDenied}, 1},
		{&usageError{errors.New("what")}, 2},
		{fmt.Errorf("%w: which interface", explain.ErrQuestion), 2},
		{&api.Failure{Kind: api.KindUsage}, 2},
		{policy.Problems{{Message: "bad"}}, 3},
		{errInvalid, 3},
		{&api.Failure{Kind: api.KindInvalid}, 3},
		{control.ErrNoDaemon, 4},
		{&control.UnresponsiveError{}, 4},
		{&ssh.LockoutError{}, 5},
		{errRefused, 5},
		{&api.Failure{Kind: api.KindRefused}, 5},
	} {
		err := tc.err
		if got := codeOf(err); got != tc.want {
			t.Errorf("codeOf(%v) = %d, want %d", err, got, tc.want)
		}
		if err != nil {
			if got := codeOf(fmt.Errorf("reload: %w", err)); got != tc.want {
				t.Errorf("codeOf(wrapped %v) = %d, want %d", err, got, tc.want)
			}
		}
	}
}

// The daemon's refusal prints like a check of the same file.
func TestReportOfRemoteProblems(t *testing.T) {
	var out strings.Builder
	p := &program{out: io.Discard, err: &out}
	p.report(&api.Failure{Kind: api.KindInvalid, Message: "x", Problems: []api.Problem{
		{File: "p.yaml", Line: 3, Col: 5, Severity: "error", Message: "no such group",
			Hint: "did you mean web?", Code: "InvalidGroup.NotFound"},
		{File: "p.yaml", Line: 9, Col: 1, Severity: "notice", Message: "host bits"},
	}})
	want := "p.yaml:3:5: no such group (hint: did you mean web?) [InvalidGroup.NotFound]\n" +
		"p.yaml:9:1: notice: host bits\n" +
		"sgfw: the daemon refused the policy: 1 error; the old one stays in force\n"
	if out.String() != want {
		t.Errorf("report:\n%s\nwant:\n%s", out.String(), want)
	}
}
