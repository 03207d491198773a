package enforce

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/source"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/filter/offload"
	"sgfw/policy"
)

// Config is what an enforcer is made with.
type Config struct {
	// File is the policy file: positions in messages call it so, and the state
	// directory keeps what to roll back to for it.
	File *source.File
	// StateDir is where the policy to roll back to is kept. Empty means nowhere: then
	// no policy can wait for its confirmation.
	StateDir string
	// FlowsFile is where the flows outlive the process, in a directory that is there for as
	// long as the machine runs. Empty means nowhere.
	FlowsFile string
	// Force starts although the SSH guard objects.
	Force bool
	// NoAdopt leaves connections that exist before the start to the rules.
	NoAdopt bool
	// Patience is how long a queue may stand still until that is a failure.
	Patience time.Duration
	// Driver is the implementation of the queues; empty for the policy's choice.
	Driver nfqueue.Driver
	// Clock is what flows live by; nil for the process's own.
	Clock func() conntrack.Time
	// Links reads what is true of this machine's links.
	Links *links.Watcher
	// Log hears what happens. Required.
	Log *slog.Logger
	// Events hear of changes.
	Events Events
}

// Events are told from any goroutine and must not block for long. All are required.
type Events struct {
	// Changing and Changed stand around each change of the policy in force, also one
	// that fails. They may read the enforcer, and must not change anything.
	Changing, Changed func()
	// Health says that [Enforcer.Line] may say something new. It must not call the
	// enforcer, only wake somebody who does.
	Health func()
	// Settings says that the settings in force are others; likewise.
	Settings func()
	// Failed says that the enforcer cannot go on.
	Failed func(error)
}

// Enforcer holds a policy in force in the network namespace of the thread that
// started it. Its methods are safe for concurrent use once [Enforcer.Start] has
// returned, up to [Enforcer.Stop] or [Enforcer.Release].
type Enforcer struct {
	cfg    Config
	log    *slog.Logger
	engine *filter.Engine
	table  *nft.Table
	queues queueRange
	// maxFlows is the size of the flow table, which cannot change.
	maxFlows int
	// path is what judges packets, which cannot change either.
	path path
	// carried is what the kernel carries on with; nil in the datapath that does not.
	carried  *carried
	failures failures
	kept     kept
	disk     disk
	// deadline wakes the task that watches the confirmation of a policy.
	deadline chan struct{}

	// changes orders whole changes, with what is told of them. It is taken before mu.
	changes sync.Mutex
	mu      guarded
}

// guarded is everything that a change of the rules, of this machine or of the table
// alters, with the lock that guards it.
type guarded struct {
	sync.Mutex
	force    inForce
	rules    tableState
	confirm  confirmation
	attempt  attempt
	standIn  standIn
	stopping bool
}

// inForce is what packets are judged by.
type inForce struct {
	compiler *filter.Compiler
	current  *candidate
	machine  machine
	loaded   time.Time
	// highest is the highest number that a device had until the last change.
	highest uint32
}

// errStopping refuses changes after the stop has begun.
var errStopping = errors.New("the daemon is stopping")

// New makes an enforcer that does nothing yet.
func New(cfg Config) *Enforcer {
	e := &Enforcer{cfg: cfg, log: cfg.Log, deadline: make(chan struct{}, 1)}
	e.kept.path = cfg.FlowsFile
	if e.cfg.Clock == nil {
		e.cfg.Clock = bootClock()
	}
	e.mu.force.compiler = filter.NewCompiler()
	return e
}

// Load chooses the policy to start with and compiles it: the file's, which c brings, or
// what was waiting to be confirmed when an earlier daemon ended. In place of a file that
// cannot be used it is the last good policy, or one that closes the devices: see
// [Enforcer.Unused]. Nothing is enforced yet. Problems of the policy are in the error, see
// [policy.AsProblems].
func (e *Enforcer) Load(c Change, resolvers []netip.Addr, unread error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.force.machine.setResolvers(resolvers, unread)
	facts, err := e.mu.force.look(e.cfg.Links)
	if err != nil {
		return err
	}
	e.mu.force.machine = facts
	if err := e.begin(c); err != nil {
		return err
	}
	e.mu.force.loaded = time.Now()
	e.logProblems(e.mu.force.current.problems)
	return nil
}

// Start enforces what [Enforcer.Load] chose: queues, rules, and what goes to disk.
// After an error [Enforcer.Release] undoes what was done. The error wraps
// [nfqueue.ErrOwned] or [nft.ErrOwned] while another daemon lives, and ssh.ErrLockout.
// caller is the SSH_CONNECTION of whoever starts the daemon.
func (e *Enforcer) Start(caller string) (err error) {
	if e.table, err = nft.Open(); err != nil {
		return fmt.Errorf("nftables: %w%s", err, whoFilters(err))
	}
	if err := e.admit(caller); err != nil {
		return err
	}
	e.mu.Lock()
	c, closed := e.mu.force.current, e.mu.standIn.closed
	e.mu.Unlock()
	s := c.policy.Settings
	e.maxFlows = s.MaxFlows
	if e.path, err = choosePath(s.Datapath, e.table.Facts().NoOffload); err != nil {
		return err
	}
	carries := e.path.is == policy.DatapathOffload
	e.log.Info("datapath", "is", string(e.path.is), "because", e.path.why)
	e.engine = filter.NewEngine(filter.Config{MaxFlows: s.MaxFlows, Clock: e.cfg.Clock,
		Offload: carries, Rooms: roomsOf(carriedBy(s, s.MaxFlows))}, c.rs)
	// An earlier daemon's table may be there: packets come as soon as the queues do.
	e.takeFlows(c.rs)
	e.queues = newQueueRange(s, e.cfg.Driver)
	e.failures.begin(s, e.cfg.Patience, e.table.Facts())
	e.queues.overloaded = e.failures.overloaded
	e.queues.marks.Set(e.failures.marks(s))
	if carries {
		cfg := carriedBy(s, s.MaxFlows)
		if e.carried, err = newCarried(cfg, e.table, e.engine.NewWorker()); err != nil {
			return err
		}
		e.queues.marks.Set(offload.Marks(s.Offload.Mask()))
	}
	// A table that an earlier daemon left may queue packets from the first moment on. Where the
	// devices are closed for want of a policy nothing passes.
	if !e.cfg.NoAdopt && !closed {
		e.adopt(c.machine.Facts.Links)
	}
	// Rules come later, so nothing arrives yet.
	if err := e.queues.bind(e.engine, e.queueChanged); err != nil {
		return err
	}
	e.queues.serve(e.cfg.Events.Failed)
	// From here on the queues may call back.
	e.mu.Lock()
	defer e.mu.Unlock()
	plan := e.tablePlan(c.policy, c.machine.Snapshot)
	plan.Closed = e.queues.unbindable() != nil
	e.mu.rules.plan = plan
	if err := e.table.Apply(plan); err != nil {
		return fmt.Errorf("install table inet %s: %w", nft.TableName, err)
	}
	e.countFailures()
	e.tellStandIn()
	e.keep(e.mu.confirm.record)
	e.keepGood(e.mu.confirm.record.Confirmed)
	e.keepIDs()
	e.keepAltnames()
	return nil
}

// whoFilters is a hint for who starts a second daemon in a network namespace, "" for other
// errors.
func whoFilters(err error) string {
	owned, ok := errors.AsType[*nft.OwnedError](err)
	if !ok {
		return ""
	}
	who, ask := "another process does", ""
	if owned.PID != 0 {
		who = fmt.Sprintf("PID %d does", owned.PID)
		if sockets := process.Sockets(owned.PID); len(sockets) > 0 {
			ask = fmt.Sprintf(", or give it the policy: sgfw --socket %s status says which file it has",
				sockets[0])
		}
	}
	return fmt.Sprintf(" (hint: one daemon filters a network namespace, and here %s: stop it first%s)",
		who, ask)
}

// admit asks the SSH guard about what Load has chosen. A policy of the file that would
// lock out a live session is left for the last good one.
func (e *Enforcer) admit(caller string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.guard(e.mu.force.current.rs, caller)
	switch {
	case err == nil:
		return nil
	case e.mu.standIn.closed && !e.cfg.Force:
		return &UnusableError{What: "nothing is enforced, for a live SSH session would be locked out " +
			"if the devices were closed", Err: errors.Join(e.mu.standIn.why, err)}
	// What a roll-back restores was in force before: staying closed would be
	// the worse lockout.
	case !e.cfg.Force && !e.disk.restored:
		good := e.disk.good
		if good == nil || good.Policy.Same(e.mu.force.current.revision) || !e.lastGood(err) {
			return err
		}
		if _, err = e.guard(e.mu.force.current.rs, caller); err == nil {
			return nil
		}
	}
	e.log.Warn("enforcing although the SSH guard objects", "reason", err.Error())
	return nil
}

// Hold keeps every change of the policy waiting until it is released.
func (e *Enforcer) Hold() (release func()) {
	e.changes.Lock()
	return e.changes.Unlock
}

// Refuse lets no change begin any more: the stop has begun.
func (e *Enforcer) Refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.stopping = true
}

// Stop is the ordered end: rules out, every waiting packet judged, table removed; or
// closed, where the policy says so. [Enforcer.Release] comes after it.
func (e *Enforcer) Stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.stopping = true
	keep := e.mu.force.current.policy.Settings.OnStop == policy.OnStopKeep
	e.log.Info("stopping", "keep_closed", keep)
	e.Refresh()
	e.kept.ends(keep)
	var errs []error
	if keep {
		// The rules stay and feed the queues, so these cannot run dry; what
		// waits is dropped with them, as everything after it.
		if e.mu.rules.plan.Gone != policy.FailDrop {
			e.mu.rules.plan.Gone = policy.FailDrop
			errs = append(errs, e.table.Apply(e.mu.rules.plan))
		}
	} else {
		errs = append(errs, e.table.Flush(), e.queues.drain(e.log), e.table.Remove())
	}
	return errors.Join(errs...)
}

// Release closes everything that is open and leaves the table to what its flags say.
func (e *Enforcer) Release() {
	e.queues.close(e.log)
	e.leaveFlows() // no packet changes them any more
	if e.carried != nil {
		e.carried.close()
	}
	if e.table != nil {
		if err := e.table.Close(); err != nil {
			e.log.Warn("closing the table's socket failed", "error", err)
		}
	}
}

// Engine is what judges packets and keeps flows. It is there from Start on.
func (e *Enforcer) Engine() *filter.Engine { return e.engine }

// Facts are what is known of this machine's links.
func (e *Enforcer) Facts() links.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.force.machine.Snapshot
}

// Settings are those of the policy in force.
func (e *Enforcer) Settings() policy.Settings {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.force.current.policy.Settings
}

// Queues are the queues, for those who look whether they are served.
func (e *Enforcer) Queues() []nfqueue.Queue {
	out := make([]nfqueue.Queue, len(e.queues.queues))
	for i, q := range e.queues.queues {
		out[i] = q
	}
	return out
}

// QueueBase is the number of the first queue.
func (e *Enforcer) QueueBase() uint16 { return e.queues.base }

// MaxFlows is the size of the flow table.
func (e *Enforcer) MaxFlows() int { return e.maxFlows }
