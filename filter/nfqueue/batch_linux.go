package nfqueue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// batchQueue is the queue of DriverBatch.
type batchQueue struct {
	cfg      Config
	fd       int
	loop     *loop
	view     *kernelView
	wake     []byte
	total    counters
	sessions sessions
}

func openBatch(cfg Config, h Handler) (Queue, error) {
	fd, err := bindDescriptor(cfg)
	if err != nil {
		return nil, err
	}
	q := &batchQueue{cfg: cfg, fd: fd, view: openKernelView(), loop: newLoop(cfg.CopyRange)}
	q.loop.fd = fd
	q.loop.queue = cfg.Queue
	q.loop.handler, q.loop.agreed = h, cfg.Marks
	q.loop.carrier, _ = h.(Carrier)
	q.loop.busy.budget = cfg.BusyPoll
	q.loop.total = &q.total
	q.loop.waiting = func() uint32 { return q.view.waiting(cfg.Queue) }
	if err := q.start(); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// bindDescriptor opens and binds with netlink.Conn, and then keeps only the descriptor. Conn
// starts a goroutine for every read and write and peeks before it reads, which costs more
// than everything else together.
//
// The queue is bound in copy mode none, in which the kernel refuses packets. So no packet can
// come between a request and its answer.
//
// Where a socket with the same port id was closed just now, a packet for it may come before
// the answer: then it begins anew with another socket.
func bindDescriptor(cfg Config) (fd int, err error) {
	for range bindTries {
		var foreign *netlink.OpError
		if fd, err = tryBind(cfg); !errors.As(err, &foreign) || foreign.Op != "validate" {
			break
		}
	}
	return fd, err
}

// tryBind is bindDescriptor with one socket.
func tryBind(cfg Config) (int, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	if err := prepareSocket(raw, cfg); err != nil {
		return -1, err
	}
	bind, err := configMessage(cfg.Queue, netlink.Acknowledge,
		commandAttr(commandBind),
		uint32Attr(configMaxLen, cfg.MaxLen),
		uint32Attr(configFlags, cfg.flags()),
		uint32Attr(configMask, flagGSO|flagFailOpen))
	if err != nil {
		return -1, err
	}
	if _, err := conn.Execute(bind); err != nil {
		return -1, explainBind(err, cfg.Queue)
	}
	fd := -1
	if cerr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			// The mode belongs to the open file, which both descriptors share.
			err = unix.SetNonblock(fd, false)
		}
	}); cerr != nil {
		err = cerr
	}
	if err != nil && fd >= 0 {
		unix.Close(fd)
	}
	return fd, os.NewSyscallError("dup", err)
}

// bindTries bounds how many sockets are tried.
const bindTries = 8

// start sets the copy mode, so that the kernel sends packets.
func (q *batchQueue) start() error {
	probe, err := probeMessage(q.cfg, 0)
	if err != nil {
		return err
	}
	wake, err := probeMessage(q.cfg, netlink.Acknowledge)
	if err != nil {
		return err
	}
	params, err := configMessage(
		q.cfg.Queue, netlink.Acknowledge, paramsAttr(q.cfg.CopyRange, copyPacket))
	if err != nil {
		return err
	}
	if q.loop.probe, err = marshal(probe); err != nil {
		return err
	}
	if q.wake, err = marshal(wake); err != nil {
		return err
	}
	b, err := marshal(params)
	if err != nil {
		return err
	}
	if err := q.loop.write(b); err != nil {
		return err
	}
	// From now on packets may come, even before the answer, and must not be lost. So peek.
	// If the answer is an error, no packet comes before it.
	answer := make([]byte, 64)
	n, _, err := unix.Recvfrom(q.fd, answer, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n < messageHeaderLen+4 ||
		binary.NativeEndian.Uint16(answer[4:]) != typeError {
		return nil
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(answer[messageHeaderLen:])))
	if errno != 0 {
		return fmt.Errorf("copy range %d: %w", q.cfg.CopyRange, errno)
	}
	return nil
}

func marshal(m netlink.Message) ([]byte, error) {
	m.Header.Length = uint32(align(messageHeaderLen + len(m.Data)))
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// Run stays on one operating-system thread, which sleeps in the kernel. A goroutine that moves
// between threads would lose the warm cache of its CPU.
func (q *batchQueue) Run(ctx context.Context) error {
	return q.explain("run", q.sessions.serve(ctx, phaseServing, q.wakeUp, q.serve))
}

func (q *batchQueue) Drain(ctx context.Context) error {
	return q.explain("drain", q.sessions.drain(ctx, q.wakeUp, q.serve))
}

func (q *batchQueue) serve(s *session) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	release, err := q.cfg.Affinity.take()
	if err != nil {
		return err
	}
	defer release()
	return q.loop.serve(s)
}

// wakeUp makes a reader return: the kernel answers the request with a message. If there is no
// room for the answer, the reader has other messages to read.
func (q *batchQueue) wakeUp() { _, _ = unix.Write(q.fd, q.wake) }

func (q *batchQueue) Stats() Stats { return q.total.stats() }

func (q *batchQueue) Close() error {
	if !q.sessions.close(q.wakeUp) {
		return nil
	}
	q.view.close()
	return q.explain("close", os.NewSyscallError("close", unix.Close(q.fd)))
}

func (q *batchQueue) explain(what string, err error) error {
	return explain(q.cfg.Queue, what, err)
}

// explain names the queue and what was done with it in an error.
func explain(queue uint16, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("nfqueue: %s queue %d: %w", what, queue, err)
}
