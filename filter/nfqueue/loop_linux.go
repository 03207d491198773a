package nfqueue

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/filter"
)

const (
	// A write of verdicts fails for want of kernel memory only; it is tried again
	// for about a tenth of a second.
	writeAttempts = 100
	writePause    = time.Millisecond
)

// loop is the batch driver's way from a socket to its handler and back. It
// knows nothing about configuration, so that tests can put a made-up kernel at
// the socket's other end.
type loop struct {
	fd int
	// port is the port id that packets come from: 0, the kernel.
	port    uint32
	queue   uint16
	handler Handler
	total   *counters
	// waiting is how many packets the kernel has without a verdict.
	waiting func() uint32
	// probe asks the kernel for an error message if the queue is gone.
	probe []byte

	ring     *ring
	busy     busyPoll
	verdicts []byte
	msg      message
	// ahead are the packets of a batch, for a handler that wants to see them.
	ahead []filter.Event
	batch Stats
	gone  unix.Errno
}

// newLoop allocates everything that a loop will need.
func newLoop(copyRange uint32) *loop {
	return &loop{
		ring: newRing(copyRange), verdicts: make([]byte, 0, ringLen*verdictLen), ahead: make([]filter.Event, 0, ringLen),
	}
}

// serve answers packets until the session is over or the queue fails.
func (l *loop) serve(s *session) error {
	l.gone = 0
	at, silent := phaseServing, 0
	if err := l.setTimeout(IdleInterval); err != nil {
		return err
	}
	for {
		l.total.heartbeats.Add(1)
		if now := s.now(); now != at {
			if now == phaseStopping {
				return nil
			}
			at = now
			if err := l.setTimeout(drainInterval); err != nil {
				return err
			}
		}
		n, errno := l.receive()
		switch errno {
		case 0:
			silent = 0
			if err := l.serveBatch(n); err != nil {
				return err
			}
		case unix.EINTR:
		case unix.ENOBUFS:
			// The kernel dropped messages, and with them packets, for want of
			// room. It says so once; what could be queued is still there.
			l.total.overruns.Add(1)
		case unix.EAGAIN:
			if at == phaseDraining {
				silent++
				if done, err := drained(l.waiting(), silent); done {
					return err
				}
				continue
			}
			if err := l.write(l.probe); err != nil {
				return err
			}
		default:
			return callError("recvmmsg", errno)
		}
	}
}

// receive reads a batch. Before it sleeps it polls as long as that pays. Whoever
// else wants the CPU gets it between two looks. The clock is read only where
// there is nothing to do.
func (l *loop) receive() (int, unix.Errno) {
	if l.busy.budget == 0 {
		return l.ring.receive(l.fd)
	}
	if l.busy.patience > 0 {
		for start := time.Now(); ; {
			n, errno := l.ring.poll(l.fd)
			if errno != unix.EAGAIN {
				l.busy.found()
				return n, errno
			}
			if time.Since(start) >= l.busy.patience {
				break
			}
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
		l.busy.vain()
	}
	start := time.Now()
	n, errno := l.ring.receive(l.fd)
	l.busy.slept(time.Since(start))
	return n, errno
}

func (l *loop) setTimeout(d time.Duration) error {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	return callError("setsockopt", unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// serveBatch answers the first n messages of the ring. It calls End whatever
// happens: others may wait for the batch to be over.
func (l *loop) serveBatch(n int) error {
	l.batch.Batches++
	err := l.decideBatch(n, l.begin())
	if err == nil {
		err = l.flush()
	}
	l.end()
	l.total.publish(&l.batch)
	if err == nil && l.gone != 0 {
		err = fmt.Errorf("%w: %w", ErrGone, l.gone)
	}
	return err
}

func (l *loop) decideBatch(n int, ready bool) error {
	if p, ok := l.handler.(Previewer); ok && ready && n > 1 {
		l.preview(p, n)
	}
	for i := range n {
		b, ok := l.ring.take(i, l.port)
		if !ok {
			l.batch.Foreign++
			continue
		}
		if err := l.datagram(b, ready); err != nil {
			return err
		}
	}
	return nil
}

// preview shows the handler the packets of the first n messages, if it wants to
// see them. What is wrong with a message, decideBatch finds out.
func (l *loop) preview(p Previewer, n int) {
	defer l.recoverPanic()
	if !p.WantsPreview() {
		return
	}
	l.ahead = l.ahead[:0]
	for i := range n {
		b := l.ring.look(i)
		if len(b) < messageHeaderLen || binary.NativeEndian.Uint16(b[4:]) != typePacket {
			continue
		}
		if decode(b[messageHeaderLen:], &l.msg) == faultNone {
			l.ahead = append(l.ahead, l.msg.ev)
		}
	}
	p.Preview(l.ahead)
}

// datagram takes the netlink messages of one datagram. The kernel sends one
// in each.
func (l *loop) datagram(b []byte, ready bool) error {
	for len(b) > 0 {
		if len(b) < messageHeaderLen {
			l.batch.Malformed++
			return nil
		}
		n := uint64(binary.NativeEndian.Uint32(b))
		kind := binary.NativeEndian.Uint16(b[4:])
		whole := n >= messageHeaderLen && n <= uint64(len(b))
		if !whole {
			// Longer than its buffer, or a lie: use what there is, if only for a
			// drop.
			n = uint64(len(b))
		}
		body := b[messageHeaderLen:n]
		switch {
		case kind == typePacket:
			if err := l.packet(body, whole, ready); err != nil {
				return err
			}
		case kind == typeError && whole && len(body) >= 4:
			l.refused(body)
		default:
			l.batch.Malformed++
		}
		b = b[min(align(int(n)), len(b)):]
	}
	return nil
}

// packet puts the verdict about one packet message to the others.
func (l *loop) packet(body []byte, whole, ready bool) error {
	l.batch.Packets++
	bad := decode(body, &l.msg)
	l.batch.UnknownAttributes += uint64(l.msg.unknown)
	v := verdictDrop
	switch {
	case bad != faultNone || !whole || l.msg.queue != l.queue:
		l.batch.Malformed++
		if !l.msg.hasID || l.msg.queue != l.queue {
			return nil
		}
	case ready && l.decide():
		v = verdictAccept
	}
	if v == verdictAccept {
		l.batch.Accepted++
	} else {
		l.batch.Dropped++
	}
	if len(l.verdicts)+verdictLen > cap(l.verdicts) {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.verdicts = appendVerdict(l.verdicts, l.queue, l.msg.id, v)
	return nil
}

// refused takes an error message: the negative errno as i32, then the header of
// the request. An errno of 0 is an acknowledgement, which only wakes the loop.
func (l *loop) refused(body []byte) {
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	switch errno {
	case 0:
		return
	case unix.ENODEV, unix.EPERM:
		// There is no such queue, or it has another owner by now
		// (verdict_instance_lookup). A packet that is gone is ENOENT.
		l.gone = errno
	}
	l.batch.VerdictErrors++
}

// flush hands the verdicts to the kernel, which carries accepted packets on along
// their way before the call returns.
func (l *loop) flush() error {
	if len(l.verdicts) == 0 {
		return nil
	}
	err := l.write(l.verdicts)
	l.verdicts = l.verdicts[:0]
	return err
}

func (l *loop) write(b []byte) error {
	for attempt := 1; ; attempt++ {
		// The call carries accepted packets on, so it may take long: no raw
		// system call, of which the scheduler would not know. It was no faster.
		_, err := unix.Write(l.fd, b)
		switch err {
		case nil:
			return nil
		case unix.EINTR:
			continue
		case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
			if attempt < writeAttempts {
				time.Sleep(writePause)
				continue
			}
		}
		return callError("write", err)
	}
}

// callError is the error of a failed system call; ErrGone where it means that the
// descriptor, or the kernel behind it, is no longer what it was.
func callError(call string, err error) error {
	switch wrapped := os.NewSyscallError(call, err); err {
	case unix.EBADF, unix.ENOTSOCK, unix.ENOTCONN, unix.ECONNREFUSED:
		return fmt.Errorf("%w: %w", ErrGone, wrapped)
	default:
		return wrapped
	}
}

func (l *loop) begin() (ready bool) {
	defer l.recoverPanic()
	l.handler.Begin()
	return true
}

func (l *loop) decide() (accept bool) {
	defer l.recoverPanic()
	return l.handler.Decide(&l.msg.ev)
}

func (l *loop) end() {
	defer l.recoverPanic()
	l.handler.End()
}

// recoverPanic ends a panic of the handler. The interrupted function returns
// false.
func (l *loop) recoverPanic() {
	if recover() != nil {
		l.batch.Panics++
	}
}
