package nfqueue

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/filter"
	"sgfw/filter/offload"
)

const (
	// A write of verdicts that fails for lack of kernel memory is retried for about a
	// tenth of a second.
	writeAttempts = 100
	writePause    = time.Millisecond
)

// loop is the verdict loop of DriverBatch: it reads packets from a socket, calls the handler
// and writes verdicts. It knows nothing about configuration, so that tests can put a fake
// kernel at the other end of the socket.
type loop struct {
	fd int
	// port is the port id that packets come from: 0, the kernel's (K25).
	port    uint32
	queue   uint16
	handler Handler
	// agreed has the marks of packets that pass, and marks are those of this batch, 0 for
	// none; carrier is the handler.
	agreed  *offload.Agreed
	marks   offload.Marks
	carrier Carrier
	total   *counters
	// waiting returns how many packets in the kernel have no verdict.
	waiting func() uint32
	// probe is a request that the kernel answers with an error if the queue is gone.
	probe []byte

	reader   *batchReader
	busy     busyPoll
	verdicts []byte
	msg      message
	// previews are the packets of a batch for [Previewer.Preview].
	previews []filter.Event
	batch    Stats
	gone     unix.Errno
}

// newLoop allocates everything that a loop will need.
func newLoop(copyRange uint32) *loop {
	return &loop{
		reader:   newBatchReader(copyRange),
		verdicts: make([]byte, 0, batchLen*markedLen),
		previews: make([]filter.Event, 0, batchLen),
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
			// The receive buffer was full, and the kernel dropped messages and their
			// packets. It reports that once. Earlier messages are still there.
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

// receive reads a batch. Before it sleeps it polls as long as that pays, and yields the CPU
// between two polls. It reads the clock only where there is nothing to do.
func (l *loop) receive() (int, unix.Errno) {
	if l.busy.budget == 0 {
		return l.reader.receive(l.fd)
	}
	if l.busy.patience > 0 {
		if n, errno, ok := l.poll(); ok {
			return n, errno
		}
	}
	start := time.Since(started)
	n, errno := l.reader.receive(l.fd)
	now := time.Since(started)
	l.busy.slept(now-start, now)
	return n, errno
}

// started is where the clock of loops begins.
var started = time.Now()

// threadTime is how long the calling thread has had a CPU, 0 if the kernel does not say.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// poll looks for messages until there are some, or patience is over: then ok is false.
func (l *loop) poll() (n int, errno unix.Errno, ok bool) {
	n, errno = l.reader.poll(l.fd)
	if errno != unix.EAGAIN {
		l.busy.found(0, 0)
		return n, errno, true
	}
	own := threadTime() // what others get by the yield is not spent
	for start := time.Since(started); ; {
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		n, errno = l.reader.poll(l.fd)
		now := time.Since(started)
		switch waited := now - start; {
		case errno != unix.EAGAIN:
			l.busy.found(threadTime()-own, now)
			return n, errno, true
		case waited >= l.busy.patience:
			l.busy.vain(threadTime()-own, now)
			return 0, errno, false
		}
	}
}

func (l *loop) setTimeout(d time.Duration) error {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	err := unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	return callError("setsockopt", err)
}

// serveBatch answers the first n messages of the reader. It calls End whatever happens:
// others may wait for the end of the batch.
func (l *loop) serveBatch(n int) error {
	began := time.Since(started)
	l.batch.Batches++
	ready := l.begin()
	l.marks = l.agreed.Marks()
	err := l.decideBatch(n, ready)
	if err == nil {
		err = l.flush()
	}
	l.end()
	l.batch.Times.note(time.Since(started) - began)
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
		b, ok := l.reader.take(i, l.port)
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

// preview calls the handler's Preview with the packets of the first n messages, if it wants
// that. It skips broken messages, which decideBatch then counts.
func (l *loop) preview(p Previewer, n int) {
	defer l.recoverPanic()
	if !p.WantsPreview() {
		return
	}
	l.previews = l.previews[:0]
	for i := range n {
		b := l.reader.look(i)
		if len(b) < messageHeaderLen || binary.NativeEndian.Uint16(b[4:]) != typePacket {
			continue
		}
		if decode(b[messageHeaderLen:], &l.msg) == faultNone {
			l.previews = append(l.previews, l.msg.ev)
		}
	}
	p.Preview(l.previews)
}

// datagram handles the netlink messages of one datagram. The kernel sends one in each.
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
			// The message is cut off, or its length is wrong. Its rest may still have
			// the ID that a drop needs.
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

// packet decides one packet message and appends its verdict.
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
	if len(l.verdicts)+markedLen > cap(l.verdicts) {
		if err := l.flush(); err != nil {
			return err
		}
	}
	if v == verdictAccept && l.marks != 0 {
		mark := l.msg.mark&^uint32(l.marks) | markOf(l.marks, l.carriage())
		l.verdicts = appendMarked(l.verdicts, l.queue, l.msg.id, verdictRepeat, mark)
		return nil
	}
	l.verdicts = appendVerdict(l.verdicts, l.queue, l.msg.id, v)
	return nil
}

// refused handles an error message: the negative errno as i32, then the header of the request.
// An errno of 0 is an acknowledgement, whose only purpose was to wake the loop.
func (l *loop) refused(body []byte) {
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	switch errno {
	case 0:
		return
	case unix.ENODEV, unix.EPERM:
		// There is no such queue, or it has another owner now (verdict_instance_lookup).
		// For a packet that is gone the error is ENOENT.
		l.gone = errno
	}
	l.batch.VerdictErrors++
}

// flush writes the verdicts to the kernel. Accepted packets continue their way through the
// kernel before the call returns.
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
		// The call may take long, because accepted packets continue their way in it. So it
		// is no raw system call, of which the scheduler would not know; that was no faster.
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

// callError is the error of a failed system call. It is ErrGone if the descriptor is no longer
// our netlink socket.
func callError(call string, err error) error {
	switch wrapped := os.NewSyscallError(call, err); err {
	case unix.EBADF, unix.ENOTSOCK, unix.ENOTCONN, unix.ECONNREFUSED:
		return fmt.Errorf("%w: %w", ErrGone, wrapped)
	default:
		return wrapped
	}
}
