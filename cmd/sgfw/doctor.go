package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/demo"
	"sgfw/cmd/internal/host/doctor"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/screen"
)

// errUnhealthy says that doctor found problems, which it has printed.
var errUnhealthy = errors.New("the doctor found problems")

// doctorPatience bounds the question to a daemon.
const doctorPatience = 3 * time.Second

func (p *program) doctorCommand() *cobra.Command {
	var policyFile string
	var drill bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps sgfw from protecting this machine",
		Long: `Look at the kernel, at other programs and at the policy, and say what is found:
which features the kernel has and what falls back; chains and flowtables of other
programs that drop, queue or take packets before sgfw sees them; who else holds
queues; ports that wait for strangers, published container ports among them, on
devices that the policy does not manage, and those that it opens to the world.

It works without a daemon and says more with one, and as root. Nothing stays
changed: features are tried in transactions that are undone.

Levels are ok, note, warning and problem. Exit code 1 says that there is a
problem: packets are not judged as the policy says, or cannot be, or that cannot
be seen. What is found is about the network namespace in which it runs.

With --drill nothing is looked for. Network namespaces of its own are made, a
daemon of this program is started in one of two, and failures are provoked there:
it is killed, suspended and restarted, a verdict loop hangs, the queue overflows, the
flow table is full, another program flushes nftables or takes the queue: with each
datapath that the kernel has. A table says what was promised and what happened; the
exit code is 1 if that is not the same. It takes about a minute, and touches nothing
of this machine.`,
		Example: `  sudo sgfw doctor
  sudo sgfw doctor -c my.yaml
  sudo sgfw doctor --drill
  sudo sgfw doctor --drill -o json | jq '.exercises[] | select(.kept | not)'
  sudo sgfw doctor -o json | jq '.findings[] | select(.level == "problem")'`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().StringVarP(&policyFile, "config", "c", "",
		"compare with this policy (default: the daemon's, or "+defaultPolicy+")")
	c.Flags().BoolVar(&drill, "drill", false,
		"provoke failures in throw-away namespaces, and say what happened")
	c.MarkFlagsMutuallyExclusive("drill", "config")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if drill {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return p.drill(c.Context(), self, *out)
		}
		if policyFile != "" {
			// Asked for by name, it has to be there.
			if _, err := os.Stat(policyFile); err != nil {
				return err
			}
		}
		d := doctor.Diagnose(doctor.Examine(p.known(c.Context(), policyFile)))
		if err := p.printDiagnosis(d, *out); err != nil {
			return err
		}
		if !d.Healthy {
			return errUnhealthy
		}
		return nil
	}
	return c
}

// drill provokes failures, and prints what was promised and what happened.
func (p *program) drill(ctx context.Context, self string, f format) error {
	if f != formatJSON {
		p.print(p.shown(&f), screen.Plain, "Pairs of namespaces on a link each; in one of "+
			"each a daemon of this program enforces that one port is open. What is provoked happens "+
			"there and nowhere else.")
		fmt.Fprintln(p.out)
	}
	doc, err := demo.Drill(ctx, self)
	if err != nil {
		return err
	}
	return p.printDrill(doc, f)
}

func (p *program) printDrill(doc api.Drill, f format) error {
	kept := 0
	for _, x := range doc.Exercises {
		if x.Kept {
			kept++
		}
	}
	err := error(nil)
	if f == formatJSON {
		err = p.printJSON(doc)
	} else {
		err = p.drillTable(doc.Exercises, f)
		fmt.Fprintf(p.out, "\n%d provoked, %d as promised. The namespaces are gone.\n",
			len(doc.Exercises), kept)
	}
	if broken := len(doc.Exercises) - kept; err == nil && broken > 0 {
		err = fmt.Errorf("%w: %d of %d promises were not kept", demo.ErrSurprise, broken,
			len(doc.Exercises))
	}
	return err
}

func (p *program) drillTable(list []api.Exercise, f format) error {
	t := p.shown(&f).Table(p.out,
		screen.Column{Head: "DATAPATH"},
		screen.Column{Head: "PROVOKED", Fit: screen.Folded, Least: 16},
		screen.Column{Head: "PROMISED", Fit: screen.Folded, Least: 16},
		screen.Column{Head: "HAPPENED", Fit: screen.Folded, Least: 18},
		screen.Column{Head: "KEPT"})
	for _, x := range list {
		kept := screen.Cell{Text: "yes", Style: screen.Good}
		if !x.Kept {
			kept = screen.Cell{Text: "NO", Style: screen.Bad}
		}
		t.Row(x.Datapath, x.Provoked, x.Promised, x.Happened, kept)
	}
	return t.Flush()
}

// known is what the doctor learns from the daemon and of the devices. The policy is
// the one asked for, else the daemon's, else the default.
func (p *program) known(ctx context.Context, policyFile string) doctor.Known {
	k := doctor.Known{PolicyFile: policyFile, Socket: p.socket, Network: api.Namespace(p.network)}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	s, err := control.NewClient(p.socket).Status(ctx)
	switch {
	case err == nil && p.network.Other(networkOf(s)):
		k.Elsewhere = &s
	case err == nil:
		k.Daemon = &s
		k.PolicyFile = cmp.Or(k.PolicyFile, s.Policy.File)
	case !errors.Is(err, control.ErrNoDaemon):
		k.DaemonErr = err
		silent, ok := errors.AsType[*control.UnresponsiveError](err)
		if ok && p.network.Other(silent.Holder.Network) {
			n := api.Namespace(silent.Holder.Network)
			k.SilentIn = &n
		}
	}
	if k.Daemon == nil && p.remains != nil {
		k.Remains = p.remains()
	}
	if k.Elsewhere == nil && k.SilentIn == nil { // whose policy the default may be
		k.PolicyFile = cmp.Or(k.PolicyFile, defaultPolicy)
	}
	seen, err := p.links()
	k.BridgeCalls, k.Filtering = links.BridgeCalls(), seen.Filtering()
	k.Links, k.LinksErr, k.Masters = seen.Facts.Links, err, seen.Masters
	return k
}

// levelStyles are how the levels of findings look.
var levelStyles = map[string]screen.Style{
	api.LevelOK: screen.Good, api.LevelWarning: screen.Warn, api.LevelProblem: screen.Bad,
}

func (p *program) printDiagnosis(d api.Diagnosis, f format) error {
	if f == formatJSON {
		return p.printJSON(d)
	}
	t := p.shown(&f).Table(p.out, screen.Column{}, screen.Column{},
		screen.Column{Fit: screen.Folded, Least: 30})
	for _, f := range d.Findings {
		message := f.Message
		if f.Hint != "" {
			message += fmt.Sprintf(" (hint: %s)", f.Hint)
		}
		t.Row(screen.Cell{Style: levelStyles[f.Level], Text: f.Level}, f.Check, message)
	}
	return t.Flush()
}
