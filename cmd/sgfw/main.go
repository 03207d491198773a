// Command sgfw puts AWS security groups on a Linux machine.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/enforce"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/host/remains"
	"sgfw/cmd/internal/logging"
	"sgfw/cmd/internal/query"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// socketVariable is the variable of the environment that stands for --socket.
const socketVariable = "SGFW_SOCKET"

func main() { os.Exit(int(run(os.Args[1:], os.Stdout, os.Stderr))) }

// program is what all subcommands share.
type program struct {
	out, err io.Writer
	// screen and errScreen are where out and err are read.
	screen, errScreen screen.Screen
	// measure finds out about screen anew: people change the size of their terminals.
	measure func() screen.Screen
	// now is the wall clock.
	now func() time.Time
	// links reads the devices of this machine.
	links func() (links.Snapshot, error)
	// socket is the global flag --socket, or what the environment says.
	socket string
	// network is the network namespace of the program.
	network process.Namespace
	// remains looks at what the machine is without a daemon; nil for not at all.
	remains func() api.Remains
	// quiet leaves out problems that refuse nothing.
	quiet bool
	// started is true once a subcommand runs: errors before that are misuse.
	started bool
	// log is what err is once a daemon runs: nothing waits for standard error. Else nil.
	log *logging.Sink
}

// run executes one command line.
func run(args []string, stdout, stderr io.Writer) exitCode {
	p := &program{out: stdout, err: stderr, now: time.Now, links: liveLinks, network: process.Own(),
		remains:   remains.Look,
		errScreen: screen.Of(stderr, os.Getenv),
		measure:   func() screen.Screen { return screen.Of(stdout, os.Getenv) }}
	p.screen = p.measure()
	return p.run(args)
}

// run executes one command line.
func (p *program) run(args []string) exitCode {
	printed := &countingWriter{to: p.out}
	p.out = printed
	root := p.rootCommand()
	root.SetArgs(query.Shield(args))
	root.SetOut(p.out)
	root.SetErr(p.err)
	command, err := root.ExecuteC()
	switch {
	case printed.err != nil && (err == nil || !p.started):
		err = printed.err // --help and --version run no subcommand
	case err != nil && !p.started:
		err = &usageError{err}
	}
	err = p.absent(err)
	p.report(err)
	if err != nil && p.started && printed.bytes == 0 && printed.err == nil && wantsJSON(command) {
		// Nobody is left to tell if this fails.
		_ = p.printJSON(refusal(err))
	}
	if p.log != nil {
		p.log.Flush(flushPatience)
	}
	return codeOf(err)
}

func (p *program) rootCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sgfw",
		Short: "AWS security groups on any Linux machine",
		Long: `sgfw puts AWS security groups on any Linux machine: stateful, allow-only
rules per network interface, in one YAML file whose words are those of
Terraform's aws_security_group.

Tables fit the terminal, or as many columns as COLUMNS says; what they leave out
is in -o wide, and in what goes into a file or a pipe. NO_COLOR switches colours
off.

Exit codes: 0 fine, 1 failed, 2 usage, 3 policy invalid, 4 no daemon answers,
5 refused by a safety guard, 6 policies are different, 10 an audit found something.`,
		Example: `  sgfw check examples/web-server.yaml
  sudo sgfw run -c examples/host.yaml
  sgfw explain --ingress --proto tcp --from 198.51.100.10 --to :22`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(c *cobra.Command, _ []string) {
			p.started = true
			if c.Name() != runName {
				boundMemory()
			}
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		// Alone it has nothing to do: that is misuse and not success.
		RunE: func(c *cobra.Command, _ []string) error {
			return &usageError{errors.New("which command?")}
		},
		Args:    noSuchCommand,
		Version: versionLine(buildVersion()),
	}
	c.PersistentFlags().StringVar(&p.socket, "socket", control.DefaultSocket,
		"control socket of the daemon; wins over "+socketVariable+" of the environment")
	if named := os.Getenv(socketVariable); named != "" {
		p.socket = named // until a flag says otherwise
	}
	c.AddCommand(
		p.runCommand(),
		p.checkCommand(),
		p.initCommand(),
		p.learnCommand(),
		p.importCommand(),
		p.diffCommand(),
		p.exportCommand(),
		p.auditCommand(),
		p.explainCommand(),
		p.statusCommand(),
		p.flowsCommand(),
		p.rulesCommand(),
		p.logCommand(),
		p.captureCommand(),
		p.replayCommand(),
		p.whyCommand(),
		p.doctorCommand(),
		p.reloadCommand(),
		p.confirmCommand(),
		p.rollbackCommand(),
		p.cleanupCommand(),
		p.demoCommand(),
		p.versionCommand(),
		p.manCommand(),
	)
	p.complete(c)
	p.help(c)
	return c
}

// awsCode is the code that AWS answers for the mistake, "" if there is none.
func awsCode(err error) string {
	if f, ok := errors.AsType[*api.Failure](err); ok {
		return f.Code
	}
	problem, _ := errors.AsType[policy.Problem](err)
	return string(problem.Code)
}

// report tells the user about an error: problems of a policy one on a line, as
// compilers do, then what failed.
func (p *program) report(err error) {
	if err == nil || errors.Is(err, errDifferent) || errors.Is(err, errFindings) {
		return
	}
	if ps := policy.AsProblems(err); ps != nil {
		p.printProblems(explain.Problems(ps))
		p.complain(fmt.Sprintf("the policy is invalid: %s", count(len(ps.Of(policy.SeverityError)),
			"error")))
		if u, ok := errors.AsType[*enforce.UnusableError](err); ok {
			p.complain(u.What)
		}
		return
	}
	if f, ok := errors.AsType[*api.Failure](err); ok && len(f.Problems) > 0 {
		p.printProblems(f.Problems)
		p.complain(fmt.Sprintf("the daemon refused the policy: %s; the old one stays in force",
			count(severe(f.Problems), "error")))
		return
	}
	p.complain(screen.CleanLines(err.Error()) + bracketed(awsCode(err)))
	_, told := errors.AsType[*control.DeniedError](err)
	if errors.Is(err, os.ErrPermission) && !told {
		p.tell("(hint: this needs root, or the capability CAP_NET_ADMIN and access to the files named)")
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		p.tell("Run 'sgfw --help' or 'sgfw COMMAND --help' for how to use it.")
	}
}

// complain says what went wrong.
func (p *program) complain(text string) {
	text = p.errScreen.Paragraph("sgfw: "+text, hanging)
	rest := strings.TrimPrefix(text, "sgfw:")
	fmt.Fprintln(p.err, p.errScreen.Paint(screen.Bad, "sgfw:")+rest)
}

// tell says something beside the facts.
func (p *program) tell(text string) {
	fmt.Fprintln(p.err, p.errScreen.Paragraph(screen.CleanLines(text), hanging))
}
