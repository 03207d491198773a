package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// steadyPackets is how many packets a second a steady load is made of, half of them questions
// and half of them answers.
const steadyPackets = 200_000

// steadyEvery is how often questions are sent, several in one system call: to send each by
// itself would take most of a CPU.
const steadyEvery = time.Millisecond

// steady sends questions of one flow at an even rate, and the server answers. It returns how
// many packets a second crossed, which is less than was asked for where the machine is at its
// end. What it is about is the CPU time that the firewall takes meanwhile.
func steady(ctx context.Context, e ends, window time.Duration) ([]float64, error) {
	c := new(crew)
	var answers counter
	err := func() error {
		in, err := c.listen(e.server, unix.SOCK_DGRAM, e.port(portSteady))
		if err != nil {
			return err
		}
		out, err := c.dial(e.client, unix.SOCK_DGRAM, e.port(portSteady))
		if err != nil {
			return err
		}
		c.local(func() error { return reflect(c, in) })
		c.local(func() error { return collect(c, out, &answers) })
		c.local(func() error { return sendSteadily(c, out) })
		return nil
	}()
	if err != nil {
		return one(0, err, c.end())
	}
	v, err := rate(ctx, c, window, answers.n.Load)
	return one(2*v, err, c.end())
}

// sendSteadily writes the questions that are due every now and then. What cannot be sent in
// time is left out.
func sendSteadily(c *crew, fd int) error {
	if err := punctual(); err != nil {
		return err
	}
	const burst = int(steadyPackets / 2 * steadyEvery / time.Second)
	var messages [burst]struct {
		header unix.Msghdr
		length uint32
	}
	b := make([]byte, payload)
	vector := unix.Iovec{Base: &b[0]}
	vector.SetLen(payload)
	for i := range messages {
		messages[i].header.Iov = &vector
		messages[i].header.SetIovlen(1)
	}
	for due := time.Now(); !c.stop.Load(); due = due.Add(steadyEvery) {
		if wait := time.Until(due); wait > 0 {
			nap(wait)
		} else if wait < -10*steadyEvery {
			due = time.Now()
		}
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&messages)), uintptr(burst), 0, 0, 0)
		if errno != 0 && !again(errno) && errno != unix.ECONNREFUSED && errno != unix.EPERM {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
	}
	return nil
}

// punctual has timers of the thread fire in time: otherwise they may be 50 µs late
// (PR_SET_TIMERSLACK, in ns).
func punctual() error {
	_, _, errno := syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 1, 0)
	if errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	return nil
}
