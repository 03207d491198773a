package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/state"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy"
)

const (
	// expireEvery is the pause between two slices of the flow table's expiry.
	// Traffic expires flows too; the ticker is for a quiet machine.
	expireEvery = 250 * time.Millisecond
	// repairEvery is the pause between two looks at the table, and two tries to
	// repair it.
	repairEvery = 300 * time.Millisecond
	// drainTimeout bounds how long an ordered stop waits for verdicts.
	drainTimeout = 10 * time.Second
)

// daemon is one run.
type daemon struct {
	cfg    Config
	log    *slog.Logger
	notify notifier
	// patience is the service manager's watchdog, 0 for none.
	patience time.Duration
	// unserved are the numbers of queues whose loops stand still, nil for none.
	unserved atomic.Pointer[[]uint16]
	started  time.Time
	// clock is what flows live by; nil for the process's own.
	clock func() conntrack.Time

	socket *control.Socket
	links  *links.Watcher
	table  *nft.Table
	engine *filter.Engine
	queues []*queue
	// These are those of the start: they cannot change later.
	queueBase uint16
	balance   policy.Balance
	busyPoll  time.Duration
	driver    nfqueue.Driver
	maxFlows  int

	// failed takes the first error that ends the run.
	failed chan error
	// trialChanged and watchChanged wake the tasks that the record and the
	// settings concern.
	trialChanged, watchChanged chan struct{}
	// store is nil where nothing is kept.
	store *state.Store
	// ids are this machine's; unseeded says why what they are made of is new, and
	// idsNotKept what users should know of that, "" for nothing.
	ids        policy.IDs
	unseeded   error
	idsNotKept string

	// mu orders everything that changes the rules: reloads, new facts,
	// repairs of the table. It guards what follows.
	mu       sync.Mutex
	compiler *filter.Compiler
	current  *candidate
	plan     nft.Plan
	facts    machine
	loaded   time.Time
	stopping bool
	broken   string // why the table could not be repaired, "" if it is whole
	repaired uint64
	// interference is what other programs did, the latest first; muffled bounds what
	// is logged of it.
	interference []api.Interference
	muffled      muffler
	storm        storm
	// record is what is in force and what to roll back to; unkept says why the
	// state directory does not have it, "" if it has.
	record state.Record
	unkept string
	// tried is the sum of the file's text that was last put in force, or refused.
	tried string
	// refused is the last reload that changed nothing, if none has succeeded since.
	refused *api.ReloadFailure
	// unwatched says why the policy file is not watched though it should be.
	unwatched string
}

// Run enforces the policy in the network namespace of the calling thread until
// ctx ends (an ordered stop, nil) or something fails. Problems of the policy
// are in the error (see [policy.AsProblems]); it wraps [control.ErrRunning],
// [nfqueue.ErrOwned] or [nft.ErrOwned] while another daemon lives, ErrEnslaved,
// and [ssh.ErrLockout].
func Run(ctx context.Context, cfg Config) error { return newDaemon(cfg).run(ctx) }

func newDaemon(cfg Config) *daemon {
	return &daemon{
		cfg: cfg, log: cfg.Log, notify: newNotifier(), patience: watchdogPatience(), started: time.Now(),
		failed: make(chan error, 1), compiler: filter.NewCompiler(),
		trialChanged: make(chan struct{}, 1), watchChanged: make(chan struct{}, 1),
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
	d.facts.resolvers, d.facts.unread = d.nameServers()
	if d.facts, err = d.look(); err != nil {
		return err
	}
	restored, err := d.begin()
	if err != nil {
		return err
	}
	d.loaded = time.Now()
	d.logProblems(d.current.problems)
	// Before the guard: a second daemon should hear of the first one.
	if d.socket, err = control.Listen(ctx, d.cfg.Socket, d.cfg.SocketGroup); err != nil {
		return err
	}
	if d.table, err = nft.Open(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	if _, err := guard(d.current.rs, ssh.Caller()); err != nil {
		// What a roll-back restores was in force before: staying closed would be
		// the worse lockout.
		if !d.cfg.Force && !restored {
			return err
		}
		d.log.Warn("enforcing although the SSH guard objects", "reason", err.Error())
	}
	s := d.current.policy.Settings
	d.maxFlows, d.queueBase, d.balance, d.busyPoll, d.driver = s.MaxFlows, s.QueueBase, s.QueueBalance, s.QueueBusyPoll, d.cfg.driver(s)
	d.engine = filter.NewEngine(filter.Config{MaxFlows: s.MaxFlows, Clock: d.clock}, d.current.rs)
	if err := d.bind(queueCount(s)); err != nil {
		return err
	}
	// From here on the queues may call back.
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan = d.tablePlan(d.current.policy)
	d.plan.Closed = d.missing() != nil
	if err := d.table.Apply(d.plan); err != nil {
		return fmt.Errorf("install table inet %s: %w", nft.TableName, err)
	}
	d.keep(d.record)
	d.keepIDs()
	return nil
}

// queueCount is the number of queues that the settings ask for.
func queueCount(s policy.Settings) int {
	if s.QueueCount > 0 {
		return s.QueueCount
	}
	return min(runtime.NumCPU(), policy.MaxQueues)
}

// driver is how the queues are read: as the command line says, or the settings.
func (c *Config) driver(s policy.Settings) nfqueue.Driver {
	if c.Driver != "" {
		return c.Driver
	}
	return s.QueueDriver
}

// bind opens the queues, each with a worker, and starts their loops. Rules come
// later, so nothing arrives yet.
func (d *daemon) bind(count int) error {
	for i := range count {
		cfg := nfqueue.Config{Queue: d.queueBase + uint16(i), BusyPoll: d.busyPoll}
		if d.balance == policy.BalancePinned {
			// The kernel sends packets of CPU n to queue n modulo count.
			cfg.Affinity = nfqueue.OnCPU(i % runtime.NumCPU())
		}
		w := d.engine.NewWorker()
		q, err := newQueue(cfg.Queue, func() (nfqueue.Queue, error) { return nfqueue.Open(d.driver, cfg, w) }, d.queueChanged)
		if err != nil {
			return err
		}
		d.queues = append(d.queues, q)
	}
	for _, q := range d.queues {
		go func() {
			if err := q.Run(context.Background()); err != nil {
				d.fail(fmt.Errorf("queue %d: %w", q.number, err))
			}
		}()
	}
	return nil
}

// serve runs the side tasks until the run ends.
func (d *daemon) serve(ctx context.Context) error {
	side, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	task := func(what string, f func(context.Context) error) {
		tasks.Go(func() {
			if err := f(side); err != nil && side.Err() == nil {
				d.fail(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	// Changes wait until the service manager has heard that the start is over:
	// a reload before that would be none to it.
	d.mu.Lock()
	task("control socket", func(ctx context.Context) error {
		return control.Serve(ctx, d.socket.Listener, d)
	})
	facts := d.facts.Snapshot
	task("links", func(ctx context.Context) error {
		return d.links.Follow(ctx, facts, d.factsChanged, func(err error) {
			d.log.Warn("reading links failed", "error", err)
		})
	})
	task("table watch", func(ctx context.Context) error {
		return d.table.Watch(ctx, d.tableChanged)
	})
	task("table repair", d.repairs)
	task("name servers", d.followResolvers)
	task("expiry", d.expire)
	task("signals", d.reloads)
	task("trial", d.trials)
	task("policy watch", d.watches)
	task("watchdog", d.watchdog)

	d.log.Info("enforcing", "policy", d.cfg.PolicyFile, "socket", d.cfg.Socket,
		"queues", len(d.queues), "queue_base", d.queueBase, "queue_expression", string(d.table.Facts().Queue))
	d.logNotify(d.notify.ready(d.line()))
	d.mu.Unlock()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-d.failed:
	}
	d.logNotify(d.notify.stopping())
	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	cancel()
	tasks.Wait()
	if failure != nil {
		// Not an ordered stop: what the policy says of a dead daemon holds.
		d.release()
		return failure
	}
	return d.stop()
}

// fail ends the run; only the first error counts.
func (d *daemon) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

// stop is the ordered end.
func (d *daemon) stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	keep := d.current.policy.Settings.OnStop == policy.OnStopKeep
	d.log.Info("stopping", "keep_closed", keep)
	var errs []error
	if keep {
		// The rules stay and feed the queues, so these cannot run dry; what
		// waits is dropped with them, as everything after it.
		if d.plan.Gone != policy.FailDrop {
			d.plan.Gone = policy.FailDrop
			errs = append(errs, d.table.Apply(d.plan))
		}
	} else {
		errs = append(errs, d.table.Flush(), d.drain(), d.table.Remove())
	}
	d.release()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	d.log.Info("stopped")
	return nil
}

// drain gives every waiting packet its verdict.
func (d *daemon) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	errs := make([]error, len(d.queues))
	var wg sync.WaitGroup
	for i, q := range d.queues {
		wg.Go(func() {
			err := q.Drain(ctx)
			if errors.Is(err, nfqueue.ErrStranded) {
				// Their messages were lost (ENOBUFS, counted): the close that
				// follows drops them, as any lost packet.
				d.log.Warn("packets without a verdict are dropped", "queue", d.queueBase+uint16(i))
			} else if err != nil {
				errs[i] = fmt.Errorf("drain queue %d: %w", d.queueBase+uint16(i), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// release closes everything that is open and leaves the table to what its
// flags say.
func (d *daemon) release() {
	for _, q := range d.queues {
		if err := q.Close(); err != nil {
			d.log.Warn("closing a queue failed", "error", err)
		}
	}
	if d.table != nil {
		if err := d.table.Close(); err != nil {
			d.log.Warn("closing the table's socket failed", "error", err)
		}
	}
	if d.links != nil {
		d.links.Close()
	}
	if d.socket != nil {
		// The listener is closed already after an ordered end.
		_ = d.socket.Close()
	}
}

// expire frees flows whose time or device is over, a slice at a time.
func (d *daemon) expire(ctx context.Context) error {
	t := time.NewTicker(expireEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			d.engine.Sweep()
			d.engine.Flows().Expire(d.engine.Now(), d.maxFlows/64+1)
		}
	}
}

func (d *daemon) logProblems(ps policy.Problems) {
	for _, p := range ps {
		level := slog.LevelInfo
		if p.Severity == policy.SeverityWarning {
			level = slog.LevelWarn
		}
		d.log.Log(context.Background(), level, p.Error())
	}
}

func (d *daemon) logNotify(err error) {
	if err != nil {
		d.log.Warn("the service manager did not hear", "error", err)
	}
}
