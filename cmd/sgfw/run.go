package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/daemon"
	"sgfw/cmd/internal/logging"
	"sgfw/cmd/internal/state"
	"sgfw/policy"
)

// defaultPolicy is where `run` looks without -c.
const defaultPolicy = "/etc/sgfw/sgfw.yaml"

// defaultPast and maxPast are megabytes of what is remembered.
const (
	defaultPast = 64
	maxPast     = 4096
)

func (p *program) runCommand() *cobra.Command {
	cfg := daemon.Config{}
	var logFormat, driver, group string
	var past int
	c := &cobra.Command{
		Use:   "run [-c FILE]",
		Short: "Enforce a policy until stopped",
		Long: `Enforce a policy on this machine's interfaces until stopped.

SIGTERM or SIGINT stops in order: no packet is queued any more, those that wait
get their verdict, the nftables table goes away (on_stop: remove) or stays
closed (on_stop: keep). A second signal quits at once. SIGHUP reloads.

Flows outlive the daemon, also one that is killed: they are in a file beside the
control socket, and the next one goes on with them if it starts within 15 minutes.

A policy that cannot be used is no reason to enforce none: the last good one of
this file is enforced, which the state directory keeps. Where there is none, nothing
passes, unless the file says on_failure: {gone: accept}, does not exist, or is one of
another tool that is to be imported (main.tf): then run fails. Whatever stands in for
the policy shows in status, in the log, and in the exit code, which is 3 then also
after an ordered stop.

Connections that exist already go on as if rules had admitted them: those of the
machine's own sockets, and forwarded ones that the kernel's own connection tracking
knows, where that is on. "sgfw flows" marks them "adopted"; "flows revoke --orphans"
ends those that no rule permits. With --no-adopt rules decide about their packets.

Before anything is enforced, the live SSH sessions of the machine are looked
up. If the policy would lock one out, the last good one is enforced, or run refuses with
exit code 5.`,
		Example: `  sudo sgfw run -c /etc/sgfw/sgfw.yaml
  sudo sgfw run -c examples/host.yaml --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := p.logger(logFormat)
			if err != nil {
				return err
			}
			cfg.LogLost = p.log.Lost
			cfg.Log, cfg.Socket, cfg.Version = log, p.socket, buildVersion().Version
			cfg.Driver = policy.QueueDriver(driver)
			if past < 0 || past > maxPast {
				return &usageError{fmt.Errorf("--past is from 0 to %d megabytes", maxPast)}
			}
			cfg.Past = past << 20
			if cfg.SocketGroup, err = groupNumber(group); err != nil {
				return err
			}
			ctx, reload := p.signals(c.Context(), log)
			cfg.Reload = reload
			return noPolicy(daemon.Run(ctx, cfg), cfg.PolicyFile)
		},
	}
	c.Flags().StringVarP(&cfg.PolicyFile, "config", "c", defaultPolicy,
		"policy file; - is standard input, read once")
	c.Flags().StringVar(&cfg.StateDir, "state-dir", state.DefaultDir,
		"where an unconfirmed policy, the one to roll back to, and what IDs are made of outlive the "+
			"daemon")
	c.Flags().BoolVar(&cfg.Force, "force", false,
		"enforce even if a live SSH session would be locked out")
	c.Flags().BoolVar(&cfg.NoAdopt, "no-adopt", false,
		"leave connections that exist already to the rules")
	c.Flags().StringVar(&group, "socket-group", "",
		"group whose members may look at the daemon, not change it")
	c.Flags().IntVar(&past, "past", defaultPast,
		"megabytes of memory for what began and was refused, which reload --dry-run looks back at (0: "+
			"nothing is remembered)")
	c.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	c.Flags().StringVar(&driver, "queue-driver", "",
		"how packets are read: batch or go-nfqueue (default: settings.queue_driver)")
	return c
}

// noPolicy says what to do where the policy file is not there.
func noPolicy(err error, path string) error {
	missing, ok := errors.AsType[*fs.PathError](err)
	if !ok || missing.Path != path || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w\n(hint: \"sgfw init\" writes a first policy; -c FILE names another file)",
		err)
}

// groupNumber is the number of a group, given by its name or number.
func groupNumber(name string) (int, error) {
	if name == "" {
		return control.NoGroup, nil
	}
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	n, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return 0, &usageError{fmt.Errorf("--socket-group: there is no group %q", name)}
	}
	return int(n), nil
}

// flushPatience is how long the end of the process waits for whoever reads its log.
const flushPatience = time.Second

// logger logs to standard error, which nothing waits for from here on.
func (p *program) logger(format string) (*slog.Logger, error) {
	formats := map[string]logging.Format{"text": logging.Text, "json": logging.JSON}
	f, ok := formats[format]
	if !ok {
		return nil, &usageError{fmt.Errorf("--log-format %q is neither text nor json", format)}
	}
	// A reader that is gone must not take the firewall with it (signal(7)): the write
	// fails, and the line is counted as lost.
	signal.Ignore(syscall.SIGPIPE)
	log, sink := logging.New(p.err, f)
	p.err, p.log = sink, sink
	return log, nil
}

// signals returns a context that ends with the first SIGTERM or SIGINT; a
// second one ends the process. SIGHUP asks for a reload.
func (p *program) signals(
	parent context.Context, log *slog.Logger,
) (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	reload := make(chan struct{}, 1)
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range ch {
			switch {
			case s == syscall.SIGHUP:
				select {
				case reload <- struct{}{}:
				default: // one is waiting already and will read the same file
				}
			case ctx.Err() == nil:
				log.Info("stop asked for", "signal", s.String())
				cancel()
			default:
				log.Error("second signal: quitting at once", "signal", s.String())
				p.log.Flush(flushPatience)
				os.Exit(int(exitFailed))
			}
		}
	}()
	return ctx, reload
}
