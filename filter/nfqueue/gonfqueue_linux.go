package nfqueue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	library "github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"

	"sgfw/conntrack"
	"sgfw/filter"
)

// libraryQueue is the queue of DriverGoNFQueue. The library reads on a goroutine of its own and
// passes each packet to the goroutine in Run. A batch is one packet.
//
// The library does not pass on a message that it cannot decode. The packet is counted, gets no
// verdict and waits until the queue is closed.
type libraryQueue struct {
	cfg      Config
	lib      *library.Nfqueue
	handler  Handler
	view     *kernelView
	total    counters
	sessions sessions
	batch    Stats
	ev       filter.Event
	// waiting returns how many packets in the kernel have no verdict.
	waiting func() uint32

	packets chan library.Attribute
	woken   chan struct{}
	closing chan struct{}

	failOnce sync.Once
	failed   chan struct{} // closed after failure was set
	failure  error
}

func openGoNFQueue(cfg Config, h Handler) (Queue, error) {
	q := newLibraryQueue(cfg, h)
	// As with DriverBatch no packet may come before the configuration is complete: the library
	// takes everything that it reads until then for an answer to its requests.
	lib, err := library.Open(&library.Config{
		NfQueue:      cfg.Queue,
		MaxQueueLen:  cfg.MaxLen,
		MaxPacketLen: cfg.CopyRange,
		Copymode:     library.NfQnlCopyNone,
		Flags:        cfg.flags(),
		Logger:       (*libraryLog)(&q.total),
	})
	if err != nil {
		return nil, err
	}
	q.lib = lib
	raw, err := lib.Con.SyscallConn()
	if err == nil {
		err = prepareSocket(raw, cfg)
	}
	if err == nil {
		err = q.start()
	}
	if err != nil {
		q.Close()
		return nil, explainBind(err, cfg.Queue)
	}
	q.view = openKernelView()
	q.waiting = func() uint32 { return q.view.waiting(cfg.Queue) }
	return q, nil
}

func newLibraryQueue(cfg Config, h Handler) *libraryQueue {
	return &libraryQueue{
		cfg:     cfg,
		handler: h,
		packets: make(chan library.Attribute),
		woken:   make(chan struct{}, 1),
		closing: make(chan struct{}),
		failed:  make(chan struct{}),
	}
}

// start binds the queue and then sets the copy mode, so that the kernel sends packets.
func (q *libraryQueue) start() error {
	err := q.lib.RegisterWithErrorFunc(context.Background(), q.received, q.notReceived)
	if err != nil {
		return err
	}
	params, err := configMessage(q.cfg.Queue, 0, paramsAttr(q.cfg.CopyRange, copyPacket))
	if err != nil {
		return err
	}
	_, err = q.lib.Con.Send(params)
	return err
}

// received is called by the library's goroutine.
func (q *libraryQueue) received(a library.Attribute) int {
	select {
	case q.packets <- a:
		return 0
	case <-q.closing:
		return 1
	}
}

// notReceived is called by the library's goroutine. An [os.SyscallError] is an error of the
// socket; other errors are the kernel's answers to our requests.
func (q *libraryQueue) notReceived(err error) int {
	select {
	case <-q.closing:
		return 1
	default:
	}
	var call *os.SyscallError
	var errno syscall.Errno
	switch {
	case errors.As(err, &call):
		if errors.Is(call, unix.ENOBUFS) {
			q.total.overruns.Add(1)
			return 0
		}
		q.fail(fmt.Errorf("%w: %w", ErrGone, err))
		return 1
	case errors.Is(err, os.ErrClosed):
		q.fail(fmt.Errorf("%w: %w", ErrGone, err))
		return 1
	case errors.As(err, &errno):
		q.total.verdictErrors.Add(1)
		if errno == unix.ENODEV || errno == unix.EPERM {
			q.fail(fmt.Errorf("%w: %w", ErrGone, err))
			return 1
		}
		return 0
	}
	q.total.malformed.Add(1)
	return 0
}

func (q *libraryQueue) fail(err error) {
	q.failOnce.Do(func() {
		q.failure = err
		close(q.failed)
	})
}

func (q *libraryQueue) Run(ctx context.Context) error {
	return explain(q.cfg.Queue, "run", q.sessions.serve(ctx, phaseServing, q.wakeUp, q.serve))
}

func (q *libraryQueue) Drain(ctx context.Context) error {
	return explain(q.cfg.Queue, "drain", q.sessions.drain(ctx, q.wakeUp, q.serve))
}

func (q *libraryQueue) serve(s *session) error {
	at, silent := phaseServing, 0
	tick := time.NewTicker(IdleInterval)
	defer tick.Stop()
	for {
		q.total.heartbeats.Add(1)
		if now := s.now(); now != at {
			if now == phaseStopping {
				return nil
			}
			at = now
			tick.Reset(drainInterval)
		}
		select {
		case a := <-q.packets:
			silent = 0
			if err := q.packet(a); err != nil {
				return err
			}
		case <-q.woken:
		case <-q.failed:
			return q.failure
		case <-tick.C:
			if at == phaseServing {
				if err := q.probe(); err != nil {
					return err
				}
				continue
			}
			silent++
			if done, err := drained(q.waiting(), silent); done {
				return err
			}
		}
	}
}

// probe sends a request that the kernel answers with an error if the queue is gone.
func (q *libraryQueue) probe() error {
	m, err := probeMessage(q.cfg, 0)
	if err != nil {
		return err
	}
	if _, err := q.lib.Con.Send(m); err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}

// packet decides one packet and writes its verdict.
func (q *libraryQueue) packet(a library.Attribute) error {
	began := time.Since(started)
	q.batch.Batches++
	q.batch.Packets++
	usable := q.event(a)
	if !usable {
		q.batch.Malformed++
	}
	var err error
	if a.PacketID != nil {
		ready := q.begin()
		if usable && ready && q.decide() {
			q.batch.Accepted++
			err = q.pass(a)
		} else {
			q.batch.Dropped++
			err = q.lib.SetVerdict(*a.PacketID, library.NfDrop)
		}
		q.end()
	}
	q.batch.Times.note(time.Since(started) - began)
	q.total.publish(&q.batch)
	return err
}

// pass writes the verdict of a packet that passes.
func (q *libraryQueue) pass(a library.Attribute) error {
	marks := q.cfg.Marks.Marks()
	if marks == 0 {
		return q.lib.SetVerdict(*a.PacketID, library.NfAccept)
	}
	mark, carriage := uint32(0), conntrack.CarryNone
	if a.Mark != nil {
		mark = *a.Mark
	}
	if c, ok := q.handler.(Carrier); ok {
		carriage = c.Carriage()
	}
	mark = mark&^uint32(marks) | markOf(marks, carriage)
	return q.lib.SetVerdictWithOption(*a.PacketID, library.NfRepeat, library.WithMark(mark))
}

// event fills q.ev and reports whether it can be judged: see decode.
func (q *libraryQueue) event(a library.Attribute) bool {
	q.ev = filter.Event{}
	if a.PacketID == nil || a.Hook == nil || a.Payload == nil || len(*a.Payload) == 0 {
		return false
	}
	q.ev.Frame.Bytes = *a.Payload
	q.ev.Hook = filter.Hook(*a.Hook)
	if a.CapLen != nil {
		q.ev.Frame.Length = *a.CapLen
	}
	if a.InDev != nil {
		q.ev.In = *a.InDev
	}
	if a.OutDev != nil {
		q.ev.Out = *a.OutDev
	}
	q.ev.Bridged = a.PhysOutDev != nil && *a.PhysOutDev != 0 && q.ev.Hook == filter.HookForward
	if a.SkbInfo != nil {
		if len(*a.SkbInfo) < 4 {
			return false
		}
		q.ev.Frame.Info = binary.BigEndian.Uint32(*a.SkbInfo)
	}
	return q.ev.Hook <= filter.HookPostrouting
}

func (q *libraryQueue) begin() (ready bool) {
	defer q.recoverPanic()
	q.handler.Begin()
	return true
}

func (q *libraryQueue) decide() (accept bool) {
	defer q.recoverPanic()
	return q.handler.Decide(&q.ev)
}

func (q *libraryQueue) end() {
	defer q.recoverPanic()
	q.handler.End()
}

func (q *libraryQueue) recoverPanic() {
	if recover() != nil {
		q.batch.Panics++
	}
}

func (q *libraryQueue) wakeUp() {
	select {
	case q.woken <- struct{}{}:
	default:
	}
}

func (q *libraryQueue) Stats() Stats { return q.total.stats() }

func (q *libraryQueue) Close() error {
	if !q.sessions.close(q.wakeUp) {
		return nil
	}
	close(q.closing)
	q.view.close()
	return explain(q.cfg.Queue, "close", q.lib.Close())
}

// libraryLog counts what the library only logs. The texts are those of v2.1.0; a test fails if
// they change.
type libraryLog counters

func (*libraryLog) Debugf(string, ...any) {}

func (l *libraryLog) Errorf(format string, _ ...any) {
	switch {
	case strings.HasPrefix(format, "Unknown attribute"):
		l.unknownAttributes.Add(1)
	case strings.HasPrefix(format, "Could not parse message"):
		l.packets.Add(1)
		l.malformed.Add(1)
	}
}
