package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/enforce"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/past"
	"sgfw/conntrack"
	"sgfw/filter"
)

// expireEvery is the pause between two slices of the flow table's expiry.
// Traffic expires flows too; the ticker is for a quiet machine.
const expireEvery = 250 * time.Millisecond

// stopPatience is how long an end waits for the side tasks. One that asks a mount that
// does not answer, or anything else that is dead, cannot be ended.
const stopPatience = 3 * time.Second

// daemon is one run.
type daemon struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	// network is where it filters.
	network process.Namespace
	// clock is what flows live by; nil for the process's own.
	clock func() conntrack.Time

	file     policyFile
	stateDir stateDir
	socket   *control.Socket
	links    *links.Watcher
	enforcer *enforce.Enforcer
	watchdog watchdog
	flowLog  flowLog
	manager  serviceManager
	metrics  metricsServer
	// past is nil if nothing is to be remembered; witness sees it.
	past    *past.Ring
	witness *filter.Watcher

	// failed takes the first error that ends the run.
	failed chan error
}

// Run enforces the policy in the network namespace of the calling thread until
// ctx ends (an ordered stop) or something fails. It returns nil after an ordered stop,
// unless what the policy file said at the start could not be used, and another policy
// was in force until then. Problems of the policy
// are in the error (see [policy.AsProblems]); it wraps [control.ErrRunning],
// [nfqueue.ErrOwned] or [nft.ErrOwned] while another daemon lives, [ErrStateInUse],
// and [ssh.ErrLockout].
func Run(ctx context.Context, cfg Config) error { return newDaemon(cfg).run(ctx) }

func newDaemon(cfg Config) *daemon {
	var memory *past.Ring
	if cfg.Past > 0 {
		memory = past.NewRing(cfg.Past)
	}
	return &daemon{past: memory,
		cfg: cfg, log: cfg.Log, started: time.Now(), network: process.Own(),
		file: newPolicyFile(cfg.PolicyFile), stateDir: stateDir{path: cfg.StateDir},
		watchdog: watchdog{patience: watchdogPatience()},
		manager:  serviceManager{notifier: newNotifier(), changed: make(chan struct{}, 1)},
		metrics:  metricsServer{settings: make(chan struct{}, 1)},
		flowLog:  flowLog{changed: make(chan struct{}, 1), wall: time.Now},
		failed:   make(chan error, 1),
	}
}

// wake makes the task behind a channel look again.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

func (d *daemon) run(ctx context.Context) error {
	if err := d.start(ctx); err != nil {
		d.release()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil
		}
		return err
	}
	return d.serve(ctx)
}

// start does everything up to packets being judged. After an error release
// undoes what was done.
func (d *daemon) start(ctx context.Context) error {
	var err error
	if d.links, err = links.Open(); err != nil {
		return err
	}
	d.enforcer = enforce.New(enforce.Config{
		File: d.file.File, StateDir: d.cfg.StateDir, FlowsFile: flowsFile(d.cfg.Socket),
		Force: d.cfg.Force, Driver: d.cfg.Driver, NoAdopt: d.cfg.NoAdopt,
		Patience: d.watchdog.silence(), Clock: d.clock, Links: d.links, Log: d.log,
		Events: enforce.Events{
			Changing: d.changing,
			Changed:  d.changed,
			Health:   func() { wake(d.manager.changed) },
			Settings: func() {
				wake(d.file.settings)
				wake(d.metrics.settings)
			},
			Failed: d.fail,
		},
	})
	// What lies there is read next. Where nothing does, a policy that is refused leaves no
	// trace.
	if _, err := os.Lstat(d.cfg.StateDir); err == nil {
		if err := d.hold(); err != nil {
			return err
		}
	}
	var begin enforce.Change
	if begin.Revision, begin.ReadError = d.file.now(ctx); ctx.Err() != nil {
		return ctx.Err() // told to stop while it waited
	}
	servers, unread := d.nameServers()
	if err := d.enforcer.Load(begin, servers, unread); err != nil {
		return err
	}
	// Before the guard: a second daemon should hear of the first one.
	if d.socket, err = control.Listen(ctx, d.cfg.Socket, d.cfg.SocketGroup); err != nil {
		return err
	}
	if err := d.hold(); err != nil {
		return err
	}
	if err := d.enforcer.Start(ssh.Caller()); err != nil {
		return err
	}
	d.lookOn()
	d.adjustFlowLog()
	return nil
}

// serve runs the side tasks until the run ends.
func (d *daemon) serve(ctx context.Context) error {
	side, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var tasks tasks
	task := func(what string, f func(context.Context) error) {
		tasks.begin(what, func() {
			if err := f(side); err != nil && side.Err() == nil {
				d.fail(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	// Changes wait until the service manager has heard that the start is over:
	// a reload before that would be none to it.
	release := d.enforcer.Hold()
	task("control socket", func(ctx context.Context) error {
		return control.Serve(ctx, d.socket.Listener, d)
	})
	task("links", d.followLinks)
	task("table watch", d.enforcer.WatchTable)
	task("table repair", d.enforcer.RepairTable)
	task("name servers", d.followResolvers)
	task("flow log", d.followFlowLog)
	task("expiry", d.expire)
	task("past", d.remember)
	task("carried flows", d.enforcer.FollowCarried)
	task("failures", d.enforcer.FollowFailures)
	task("kept flows", d.enforcer.FollowKept)
	task("signals", d.followSignals)
	task("confirmation", d.enforcer.Confirmations)
	task("policy watch", d.followFile)
	task("metrics", d.serveMetrics)
	task("watchdog", d.watch)
	task("service manager", d.tellManager)

	table := d.enforcer.TableStatus()
	there, all := d.enforcer.Present()
	d.log.Info("enforcing", "policy", d.file.Name(), "socket", d.cfg.Socket,
		"interfaces", fmt.Sprintf("%d of %d", there, all),
		"queues", len(d.enforcer.Queues()), "queue_base", d.enforcer.QueueBase(),
		"queue_expression", table.QueueExpression)
	d.changed()
	release()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-d.failed:
	}
	d.logNotify(d.manager.stopping())
	d.enforcer.Refuse()
	cancel()
	if late := tasks.wait(stopPatience); len(late) > 0 {
		d.log.Warn("stopping without waiting for what does not end", "tasks", late)
	}
	if failure != nil {
		// Not an ordered stop: what the policy says of a dead daemon holds.
		d.release()
		return failure
	}
	return d.stop()
}

// flowsFile is where the flows outlive the daemon: beside its socket, so in the memory of this
// boot.
func flowsFile(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".flows" }

// fail ends the run; only the first error counts.
func (d *daemon) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

// stop is the ordered end.
func (d *daemon) stop() error {
	err := d.enforcer.Stop()
	d.release()
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	d.log.Info("stopped")
	// Whoever looks at the exit code alone learns it, too.
	return d.enforcer.Unused()
}

// release closes everything that is open and leaves the table to what its
// flags say.
func (d *daemon) release() {
	if d.enforcer != nil {
		d.endFlowLog()
		d.enforcer.Release()
	}
	if d.links != nil {
		d.links.Close()
	}
	if d.socket != nil {
		// The listener is closed already after an ordered end.
		_ = d.socket.Close()
	}
	d.stateDir.release()
}

// followLinks puts changes of links and addresses in force.
func (d *daemon) followLinks(ctx context.Context) error {
	return d.links.Follow(ctx, d.enforcer.Facts(), d.enforcer.LinksChanged, func(err error) {
		d.log.Warn("reading links failed", "error", err)
	})
}

// expire frees flows whose time or device is over, a slice at a time.
func (d *daemon) expire(ctx context.Context) error {
	t := time.NewTicker(expireEvery)
	defer t.Stop()
	engine := d.enforcer.Engine()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			engine.Sweep()
			engine.Flows().Expire(engine.Now(), d.enforcer.MaxFlows()/64+1)
		}
	}
}

// followSignals answers SIGHUP. The outcome is in the log and in the status line.
func (d *daemon) followSignals(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.cfg.Reload:
			// The enforcer has logged whatever this returns.
			_, _ = d.apply(ctx, enforce.Change{By: enforce.BySignal})
		}
	}
}
