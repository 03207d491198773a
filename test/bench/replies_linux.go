package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// replyFlows is how many flows ask at the same time, each from a port of its own.
	replyFlows = 64
	// replyDepth is how many questions of each flow have no answer yet: 256 in all, as many
	// as inFlight.
	replyDepth = inFlight / replyFlows
)

// replies counts datagrams of a closed loop with answers: many flows ask, the server sends
// each question back, and each answer is followed by the next question of its flow. What is
// returned is both, questions and answers, a second.
func replies(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
	c := new(crew)
	var answers counter
	err := func() error {
		in, err := c.listen(e.server, unix.SOCK_DGRAM, e.port(portReplies))
		if err != nil {
			return err
		}
		ready, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return fmt.Errorf("epoll_create1: %w", err)
		}
		c.own(ready)
		var out []int
		for range replyFlows {
			fd, err := c.dial(e.client, unix.SOCK_DGRAM, e.port(portReplies))
			if err != nil {
				return err
			}
			event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
			if err := unix.EpollCtl(ready, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
				return fmt.Errorf("epoll_ctl: %w", err)
			}
			out = append(out, fd)
		}
		c.local(func() error { return reflect(c, in) })
		c.local(func() error { return ask(c, ready, out, &answers) })
		return nil
	}()
	if err != nil {
		return one(0, err, c.end())
	}
	v, err := rate(ctx, c, window, answers.n.Load)
	return one(2*v, err, c.end())
}

// ask keeps replyDepth questions of each flow under way. What has no answer for a while
// counts as lost.
func ask(c *crew, ready int, flows []int, answers *counter) error {
	b := make([]byte, payload)
	for _, fd := range flows {
		for range replyDepth {
			write(fd, b)
		}
	}
	var events [replyFlows]unix.EpollEvent
	in := newDatagrams(replyDepth)
	for !c.stop.Load() {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ready),
			uintptr(unsafe.Pointer(&events)), replyFlows, uintptr(giveUp.Milliseconds()), 0, 0)
		switch {
		case again(errno):
			continue
		case errno != 0:
			return fmt.Errorf("epoll_pwait: %w", errno)
		case n == 0:
			for _, fd := range flows {
				for range replyDepth {
					write(fd, b)
				}
			}
		}
		for _, ev := range events[:n] {
			k, errno := in.receive(int(ev.Fd), unix.MSG_DONTWAIT)
			if errno != 0 {
				continue // a refusal, or nothing after all
			}
			answers.n.Add(int64(k))
			for range k {
				write(int(ev.Fd), b)
			}
		}
	}
	return nil
}

// reflect sends datagrams back to where they come from, many in each system call.
func reflect(c *crew, fd int) error {
	d := newDatagrams(64)
	for !c.stop.Load() {
		k, errno := d.receive(fd, unix.MSG_WAITFORONE)
		switch {
		case again(errno):
		case errno != 0:
			return fmt.Errorf("recvmmsg: %w", errno)
		default:
			d.sendBack(fd, k)
		}
	}
	return nil
}

// datagrams reads several datagrams in one system call, with where they come from.
type datagrams struct {
	messages []struct {
		header unix.Msghdr
		length uint32
	}
	vectors []unix.Iovec
	from    []unix.RawSockaddrInet4
	buffer  []byte
}

// datagramRoom is space for a datagram of any load.
const datagramRoom = 2048

func newDatagrams(n int) *datagrams {
	d := &datagrams{
		vectors: make([]unix.Iovec, n), from: make([]unix.RawSockaddrInet4, n),
		buffer: make([]byte, n*datagramRoom),
	}
	d.messages = make([]struct {
		header unix.Msghdr
		length uint32
	}, n)
	for i := range d.messages {
		d.vectors[i].Base = &d.buffer[i*datagramRoom]
		h := &d.messages[i].header
		h.Iov = &d.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&d.from[i]))
	}
	return d
}

func (d *datagrams) receive(fd, flags int) (int, syscall.Errno) {
	for i := range d.messages {
		d.vectors[i].SetLen(datagramRoom)
		d.messages[i].header.Namelen = unix.SizeofSockaddrInet4
	}
	k, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&d.messages[0])), uintptr(len(d.messages)), uintptr(flags), 0, 0)
	return int(k), errno
}

// sendBack returns the first k datagrams that were received. One that cannot be sent is lost.
func (d *datagrams) sendBack(fd, k int) {
	for i := range k {
		d.vectors[i].SetLen(int(d.messages[i].length))
	}
	syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&d.messages[0])), uintptr(k), 0, 0, 0)
}
