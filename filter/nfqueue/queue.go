package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/offload"
	"sgfw/policy"
)

// Handler decides what happens to the packets of one queue.
//
// One goroutine at a time calls it: Begin before a batch, Decide for each packet, End after
// the verdicts of the batch were written to the kernel. A batch may turn out to hold no
// packet. A panic in Begin drops the packets of the batch, a panic in Decide drops its
// packet. Both are counted in [Stats].Panics, and the queue continues.
//
// A handler must not call Close or Drain of its own queue.
type Handler interface {
	Begin()
	// Decide returns true to accept the packet and false to drop it. The event and
	// ev.Frame.Bytes belong to the queue and are valid until Decide returns.
	Decide(ev *filter.Event) bool
	End()
}

// Previewer is a [Handler] that may want to see all packets of a batch before it decides the
// first one. Only DriverBatch calls Preview.
type Previewer interface {
	Handler
	// WantsPreview reports whether to call Preview. It is called after Begin.
	WantsPreview() bool
	// Preview gets the packets of the batch, or most of them. Decide follows for each
	// packet. The terms of Decide hold for evs. A panic is recovered and counted.
	Preview(evs []filter.Event)
}

// Carrier is a [Handler] that says how long the kernel may go on with the flow of the
// packet that Decide has just accepted. It is asked where [Config].Marks are set.
type Carrier interface {
	Handler
	Carriage() conntrack.Carriage
}

var (
	_ Previewer = (*filter.Worker)(nil)
	_ Carrier   = (*filter.Worker)(nil)
)

// Queue is one bound kernel queue. Its methods may be called from any
// goroutine.
type Queue interface {
	// Run serves the queue until ctx is done, Close or Drain is called, or the queue
	// fails; only the last is an error. Packets that wait when Run returns keep waiting:
	// a later Run or Drain answers them, Close drops them. A Run during a Drain returns
	// when the Drain does.
	Run(ctx context.Context) error
	// Drain answers the packets that still wait and then ends Run. It is for a queue to
	// which no rule sends packets any more: while packets arrive it ends only with ctx.
	// Without a current Run it serves the queue itself.
	Drain(ctx context.Context) error
	// Stats returns the counters since the queue was opened.
	Stats() Stats
	// Close ends Run and unbinds the queue. The kernel then drops every packet that still
	// waits in it. Further calls do nothing.
	Close() error
}

// Driver names an implementation of [Queue] as the policy does. The empty one is the
// default.
type Driver = policy.QueueDriver

const (
	// DriverBatch is the default.
	DriverBatch = policy.QueueDriverBatch
	// DriverGoNFQueue is the reference.
	DriverGoNFQueue = policy.QueueDriverGoNFQueue
)

// Drivers lists every driver, the default one first.
func Drivers() []Driver { return policy.QueueDrivers() }

// Bounds and defaults of [Config].
const (
	// MinCopyRange is enough (K20) for every header that a verdict needs, including those of
	// the packet that an ICMP error quotes after IPv6 extension headers.
	MinCopyRange = 512
	// MaxCopyRange is what fits into one netlink attribute: its length field has 16 bits
	// and includes the four bytes of the header.
	MaxCopyRange = 0xffff - attrHeaderLen

	DefaultCopyRange = MinCopyRange
	DefaultMaxLen    = 4096

	// MaxBusyPoll is how long a loop may occupy a CPU without work.
	MaxBusyPoll = time.Millisecond

	// messageOverhead is about how much of the receive buffer a waiting message takes
	// beside its bytes: struct sk_buff and rounding.
	messageOverhead = 1024
	minReadBuffer   = 1 << 20
	maxReadBuffer   = 64 << 20
)

// Config describes one queue. The zero value is queue 0 with the defaults.
type Config struct {
	// Queue is the queue number, which the rules name.
	Queue uint16
	// CopyRange is how many bytes of each packet the kernel copies, from
	// MinCopyRange to MaxCopyRange. 0 means DefaultCopyRange.
	CopyRange uint32
	// MaxLen is how many packets may wait for a verdict. The kernel drops and counts
	// packets beyond it. 0 means DefaultMaxLen.
	MaxLen uint32
	// ReadBuffer is the socket's receive buffer in bytes. 0 means enough for MaxLen
	// messages, but at least 1 and at most 64 MiB.
	ReadBuffer int
	// BusyPoll is how long the loop of DriverBatch polls for further packets before it
	// sleeps, while that pays; 0 means not at all, at most MaxBusyPoll.
	BusyPoll time.Duration
	// Affinity keeps the loop of DriverBatch on one CPU while it runs. DriverGoNFQueue
	// has no thread of its own and ignores it.
	Affinity Affinity
	// Marks are set where rules wait for verdicts: a packet that passes has them, and
	// passes the rules that queued it once more. None: it goes on behind them. They are read
	// once a batch, after Begin.
	Marks *offload.Agreed
	// Overloaded is what the kernel does with packets that find the queue or the receive
	// buffer full. Those that it accepts go on behind the rules that queued them, without
	// Marks, and no counter of the queue has them.
	Overloaded policy.FailAction
}

// Affinity is a CPU, or none: the zero value leaves the choice to the
// scheduler.
type Affinity struct{ cpu int }

// OnCPU is the affinity to a CPU, counted from 0.
func OnCPU(cpu int) Affinity { return Affinity{cpu + 1} }

func (c Config) withDefaults() (Config, error) {
	if c.CopyRange == 0 {
		c.CopyRange = DefaultCopyRange
	}
	if c.CopyRange < MinCopyRange || c.CopyRange > MaxCopyRange {
		return c, fmt.Errorf("copy range %d is not within %d to %d bytes",
			c.CopyRange, MinCopyRange, MaxCopyRange)
	}
	if c.MaxLen == 0 {
		c.MaxLen = DefaultMaxLen
	}
	if c.BusyPoll < 0 || c.BusyPoll > MaxBusyPoll {
		return c, fmt.Errorf("busy poll of %v is not within 0 to %v", c.BusyPoll, MaxBusyPoll)
	}
	if c.ReadBuffer < 0 {
		return c, fmt.Errorf("read buffer of %d bytes", c.ReadBuffer)
	}
	if c.ReadBuffer == 0 {
		want := uint64(c.MaxLen) * uint64(c.CopyRange+messageOverhead)
		c.ReadBuffer = int(min(max(want, minReadBuffer), maxReadBuffer))
	}
	return c, nil
}

var (
	// ErrOwned: another socket has the queue, see [OwnedError].
	ErrOwned = errors.New("queue is taken")
	// ErrGone: the queue no longer exists or is no longer ours.
	ErrGone = errors.New("queue is gone")
	// ErrClosed: the queue was closed before.
	ErrClosed = errors.New("queue is closed")
	// ErrBusy: Run or Drain is already serving the queue.
	ErrBusy = errors.New("queue is already being served")
	// ErrStranded: packets wait in the kernel, and no message about them is left to
	// read. Only Close gets rid of them.
	ErrStranded = errors.New("packets wait that can no longer be answered")
	// ErrUnsupported: this system has no NFQUEUE.
	ErrUnsupported = errors.New("NFQUEUE needs Linux")
)

// Open binds a queue. Rules should send packets to it only afterwards: without a bound queue
// they are dropped, and until Run is called they wait.
//
// Open acts in the network namespace of the calling thread. The queue stays in that namespace
// wherever Run is called. An error wraps [ErrOwned] if another socket has the queue, otherwise
// the error of the system call.
func Open(d Driver, cfg Config, h Handler) (Queue, error) {
	cfg, err := cfg.withDefaults()
	if err == nil {
		var q Queue
		if q, err = open(d, cfg, h); err == nil {
			return q, nil
		}
	}
	return nil, fmt.Errorf("nfqueue: open queue %d: %w", cfg.Queue, err)
}

// OwnedError names the process that has a queue. It matches [ErrOwned].
type OwnedError struct {
	Queue uint16
	// PortID is the owner's netlink port id, often but not always its PID.
	PortID uint32
	// PID and Command are those of the process that holds the socket; 0 and "" if /proc
	// does not show it.
	PID     int
	Command string
}

func (e *OwnedError) Error() string {
	s := fmt.Sprintf("queue %d is taken by netlink port %d", e.Queue, e.PortID)
	if e.PID != 0 {
		s += fmt.Sprintf(" (PID %d, %s)", e.PID, e.Command)
	}
	return s
}

// Is makes errors.Is(err, ErrOwned) hold.
func (e *OwnedError) Is(target error) bool { return target == ErrOwned }
