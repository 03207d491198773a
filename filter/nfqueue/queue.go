package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sgfw/filter"
	"sgfw/policy"
)

// Handler decides what happens to the packets of one queue.
//
// One goroutine at a time calls it: Begin before a batch, Decide for each packet,
// End after the batch's verdicts were handed to the kernel. A batch may turn
// out to hold no packet. A panic in Begin drops the batch's packets, one in Decide
// drops its packet; both are counted in [Stats].Panics and the queue goes on.
//
// A handler must not call Close or Drain of its own queue.
type Handler interface {
	Begin()
	// Decide returns true to accept and false to drop. The event and
	// ev.Frame.Bytes belong to the queue and are valid until Decide returns.
	Decide(ev *filter.Event) bool
	End()
}

// Previewer is a [Handler] that gains from a look at a batch before it decides
// the first packet of it. The batch driver offers one.
type Previewer interface {
	Handler
	// WantsPreview is asked after Begin.
	WantsPreview() bool
	// Preview gets the packets of the batch, or most of them, under the same terms
	// as Decide, which follows for each. A panic in it is survived and counted.
	Preview(evs []filter.Event)
}

var _ Previewer = (*filter.Worker)(nil)

// Queue is one bound kernel queue. Its methods may be called from any
// goroutine.
type Queue interface {
	// Run serves the queue until ctx is done, Close or Drain is called, or the
	// queue fails. Ordered ends return nil. Packets that wait when Run returns
	// keep waiting: a later Run or Drain answers them, Close drops them. A Run
	// that finds a Drain under way returns with it.
	Run(ctx context.Context) error
	// Drain answers what still waits in the queue and then ends Run. It is for
	// a queue that no rule feeds any more: with new packets arriving it ends only
	// with ctx. Without a Run under way it serves the queue itself.
	Drain(ctx context.Context) error
	// Stats returns what the queue has counted since it was opened.
	Stats() Stats
	// Close ends Run and unbinds the queue, whereupon the kernel drops every
	// packet still waiting in it. Further calls do nothing.
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
	// MinCopyRange holds every header that a verdict reads, also those of the
	// packet that an ICMP error quotes behind IPv6 extension headers.
	MinCopyRange = 512
	// MaxCopyRange is what fits into one netlink attribute, whose length field
	// counts its own four bytes in 16 bits.
	MaxCopyRange = 0xffff - attrHeaderLen

	DefaultCopyRange = MinCopyRange
	DefaultMaxLen    = 4096

	// MaxBusyPoll bounds how long a loop holds a CPU without work.
	MaxBusyPoll = time.Millisecond

	// Each waiting message costs its bytes and about this much bookkeeping
	// (struct sk_buff and rounding) of the receive buffer.
	messageOverhead = 1024
	minReadBuffer   = 1 << 20
	maxReadBuffer   = 64 << 20
)

// Config describes one queue. The zero value is queue 0 with the defaults.
type Config struct {
	// Queue is the number that rules queue to.
	Queue uint16
	// CopyRange is how many bytes of each packet the kernel copies, from
	// MinCopyRange to MaxCopyRange. 0 means DefaultCopyRange.
	CopyRange uint32
	// MaxLen is how many packets may wait for a verdict; the kernel drops and
	// counts what comes on top. 0 means DefaultMaxLen.
	MaxLen uint32
	// ReadBuffer is the socket's receive buffer in bytes. 0 means room for
	// MaxLen messages within 1 to 64 MiB.
	ReadBuffer int
	// BusyPoll is how long the loop of DriverBatch looks for further packets
	// before it sleeps, while that pays; 0 for not at all, at most MaxBusyPoll.
	BusyPoll time.Duration
	// Affinity keeps the loop of DriverBatch on one CPU while it runs; the
	// driver go-nfqueue has no thread of its own and ignores it.
	Affinity Affinity
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
		return c, fmt.Errorf("copy range %d is not within %d to %d bytes", c.CopyRange, MinCopyRange, MaxCopyRange)
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
	// ErrOwned says that another socket has the queue; see [OwnedError].
	ErrOwned = errors.New("queue is taken")
	// ErrGone says that the queue no longer exists or is no longer ours.
	ErrGone = errors.New("queue is gone")
	// ErrClosed says that the queue was closed before.
	ErrClosed = errors.New("queue is closed")
	// ErrBusy says that Run or Drain is already serving the queue.
	ErrBusy = errors.New("queue is already being served")
	// ErrStranded says that packets wait in the kernel although no message
	// about them is left to read. Only Close gets rid of them.
	ErrStranded = errors.New("packets wait that can no longer be answered")
	// ErrUnsupported says that this system has no NFQUEUE.
	ErrUnsupported = errors.New("NFQUEUE needs Linux")
)

// Open binds a queue. Rules that feed it should follow, not precede: until Run
// is called packets wait, and without a bound queue they are dropped.
//
// Open acts in the network namespace of the calling thread. The queue stays in
// it wherever Run is called. Errors wrap [ErrOwned] where another socket has
// the queue, otherwise the system call's error.
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

// OwnedError names who has the queue. It matches [ErrOwned].
type OwnedError struct {
	Queue uint16
	// PortID is the owner's netlink port id, often but not always its PID.
	PortID uint32
	// PID and Command are those of the process that holds the socket; 0 and
	// "" where /proc does not tell.
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
