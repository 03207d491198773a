package filter

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sgfw/conntrack"
)

// Config says how an Engine is made.
type Config struct {
	// MaxFlows is the hard cap of the flow table.
	MaxFlows int
	// Clock returns monotonic time since any fixed moment; nil for the
	// process's own clock. Workers read it once a batch.
	Clock func() conntrack.Time
	// Offload is true where the kernel carries on with flows by itself, as
	// [Worker.Carriage] allows.
	Offload bool
	// Rooms are what the kernel has for them.
	Rooms Rooms
}

// Engine owns what verdicts are made of: the flow table and the ruleset in
// force. All methods are safe for concurrent use.
type Engine struct {
	flows   *conntrack.Table
	ruleset atomic.Pointer[Ruleset]
	clock   func() conntrack.Time
	offload bool
	// most is the longest carriage of a flow.
	most conntrack.Carriage
	gate gate
	// carried is what passed without a verdict of its own.
	carried struct{ packets, bytes, refused atomic.Uint64 }
	rooms   atomic.Pointer[Rooms]
	common  lent
	resets  chan Reset
	due     chan struct{} // see Accounting.Due

	mu      sync.Mutex // guards workers and orders Publish
	workers []*Worker
	watch   watch
	// taps are never changed, only replaced; nil for none.
	taps atomic.Pointer[[]*Tap]
	// accounting is true while workers keep account of traffic; guarded by mu.
	accounting bool
}

// NewEngine returns an Engine that enforces rs.
func NewEngine(cfg Config, rs *Ruleset) *Engine {
	e := &Engine{
		flows: conntrack.NewTable(conntrack.Config{MaxFlows: cfg.MaxFlows}),
		clock: cfg.Clock, offload: cfg.Offload,
		resets: make(chan Reset, maxResets), due: make(chan struct{}, 1),
	}
	if e.offload {
		e.most = conntrack.CarryProven
	}
	if e.clock == nil {
		start := time.Now()
		e.clock = func() conntrack.Time { return conntrack.Time(time.Since(start)) }
	}
	e.rooms.Store(&cfg.Rooms)
	rs.remember()
	e.divide(rs)
	e.ruleset.Store(rs)
	return e
}

// Ruleset returns the ruleset in force.
func (e *Engine) Ruleset() *Ruleset { return e.ruleset.Load() }

// Flows returns the flow table.
func (e *Engine) Flows() *conntrack.Table { return e.flows }

// Now reads the engine's clock.
func (e *Engine) Now() conntrack.Time { return e.clock() }

// Publish puts rs in force and returns when no worker can still decide by an
// older ruleset: each has passed a batch boundary since, or is idle. A packet
// that is sent after Publish returned meets rs. No packet sees a mixture,
// because a worker takes the ruleset once a batch.
func (e *Engine) Publish(rs *Ruleset) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.workers {
		w.makeRoom(rs)
	}
	rs.remember()
	e.divide(rs)
	e.ruleset.Store(rs)
	e.waitForWorkers()
}

// Settle returns when what every worker had decided before is told to the kernel: each has
// passed a batch boundary since, or is idle. It is for changes of flows, as Publish for those of
// rules.
func (e *Engine) Settle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waitForWorkers()
}

// waitForWorkers is Settle for a caller that holds mu.
func (e *Engine) waitForWorkers() {
	for _, w := range e.workers {
		w.waitForBoundary()
	}
}

// Pause calls change while no worker is inside a batch, and lets none begin one before change
// has returned: packets wait in their queues. So change may replace what verdicts and the
// kernel's rules have to agree on. It must be short, and must not call the engine.
func (e *Engine) Pause(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	open := make(chan struct{})
	e.gate.shut.Store(&open)
	for i := range e.workers {
		e.workers[i].waitForBoundary()
	}
	defer close(open)
	defer e.gate.shut.Store(nil)
	change()
}

// divide gives the devices of a ruleset their guarantees. It precedes the ruleset: the
// packet path then makes no room for new scopes.
func (e *Engine) divide(rs *Ruleset) {
	e.flows.Guarantee(rs.guarantees(e.flows.Limit()))
	e.divideRooms(rs)
}

// NewWorker returns a worker for one queue loop.
func (e *Engine) NewWorker() *Worker {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &Worker{engine: e}
	w.sample.Lane = uint8(len(e.workers)) // keeps the entries of two cores off one cache line
	w.flood.full()
	w.makeRoom(e.ruleset.Load())
	// The packet path allocates nothing.
	w.recent.drops, w.recent.late = make([]Drop, 0, RecentDrops), make([]Record, 0, maxLate)
	if e.taps.Load() != nil {
		w.stage = newStage()
	}
	if e.accounting {
		w.handovers.Store(newHandover())
	}
	e.workers = append(e.workers, w)
	return w
}

// boundary tells Publish where a worker stands: odd inside a batch, even
// between batches. It is the read side of a quiescent-state RCU.
type boundary struct {
	seq atomic.Uint64
	_   [56]byte // a cache line of its own: Publish reads it, the worker writes it
}

// gate keeps workers from beginning a batch while it is shut: what it then has is closed
// as it opens.
type gate struct{ shut atomic.Pointer[chan struct{}] }

// enter begins a batch. Pause shuts the gate before it looks at seq, and a worker looks at
// the gate after it has changed seq: one of them sees the other.
func (b *boundary) enter(g *gate) {
	for {
		b.seq.Add(1)
		open := g.shut.Load()
		if open == nil {
			return
		}
		b.seq.Add(1)
		<-*open
	}
}

func (b *boundary) leave() { b.seq.Add(1) }

// waitForBoundary returns once the batch that was under way is over.
func (b *boundary) waitForBoundary() {
	seq := b.seq.Load()
	if seq&1 == 0 {
		return
	}
	for spin := 0; b.seq.Load() == seq; spin++ {
		if spin < 64 {
			runtime.Gosched()
		} else {
			time.Sleep(50 * time.Microsecond)
		}
	}
}
