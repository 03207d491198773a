package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// patience is how long a thread waits in one system call before it checks whether the load
// is over.
const patience = 100 * time.Millisecond

// anyCPU lets the kernel place a thread.
const anyCPU = -1

// crew is the threads of one load.
type crew struct {
	stop atomic.Bool
	wg   sync.WaitGroup
	mu   sync.Mutex
	err  error
	fds  []int
}

// thread runs f on a thread of its own in the namespace of host. The thread ends with f.
func (c *crew) thread(host *netlab.Host, cpu int, f func() error) {
	c.wg.Go(func() {
		c.fail(host.Do(func() error {
			if err := pin(cpu); err != nil {
				return err
			}
			return f()
		}))
	})
}

// local runs f on a thread of its own that opens no sockets.
func (c *crew) local(f func() error) {
	c.wg.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		c.fail(f())
	})
}

func (c *crew) fail(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// failed reports whether a thread has ended with an error.
func (c *crew) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// own closes a socket when the load is over.
func (c *crew) own(fd int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fds = append(c.fds, fd)
	return fd
}

// end stops the threads and returns the first error of one.
func (c *crew) end() error {
	c.stop.Store(true)
	c.wg.Wait()
	for _, fd := range c.fds {
		unix.Close(fd)
	}
	return c.err
}

func pin(cpu int) error {
	if cpu == anyCPU {
		return nil
	}
	var set unix.CPUSet
	set.Set(cpu % runtime.NumCPU())
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &set))
}

// counter has a cache line pair of its own: one thread adds, others read.
type counter struct {
	_ [128]byte
	n atomic.Int64
	_ [120]byte
}

// socketIn opens a blocking socket in the namespace of the calling thread, whose
// calls give up after patience.
func socketIn(kind int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	tv := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &tv); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// listen opens a listening TCP socket, or a bound UDP one, inside host.
func (c *crew) listen(host *netlab.Host, kind int, at netip.AddrPort) (fd int, err error) {
	err = host.Do(func() error {
		if fd, err = socketIn(kind); err != nil {
			return err
		}
		c.own(fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		if kind == unix.SOCK_DGRAM {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		if err := unix.Bind(fd, sockaddr(at)); err != nil {
			return os.NewSyscallError("bind", err)
		}
		if kind == unix.SOCK_STREAM {
			return os.NewSyscallError("listen", unix.Listen(fd, 1024))
		}
		return nil
	})
	return fd, err
}

// dial opens a connected socket inside host.
func (c *crew) dial(host *netlab.Host, kind int, to netip.AddrPort) (fd int, err error) {
	err = host.Do(func() error {
		if fd, err = socketIn(kind); err != nil {
			return err
		}
		c.own(fd)
		return connect(fd, to)
	})
	return fd, err
}

// connect retries for a second: a firewall that has just started may drop the first SYN.
func connect(fd int, to netip.AddrPort) error {
	for deadline := time.Now().Add(time.Second); ; {
		err := unix.Connect(fd, sockaddr(to))
		switch {
		case err == nil, err == unix.EISCONN:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("connect to %v: %w", to, err)
		case err == unix.EINPROGRESS, err == unix.EALREADY, err == unix.EINTR, err == unix.EAGAIN:
		default:
			return fmt.Errorf("connect to %v: %w", to, err)
		}
	}
}

// accepted waits for a connection, for a second at most, and sets its receive timeout.
func (c *crew) accepted(l int) (int, error) {
	for deadline := time.Now().Add(time.Second); ; {
		fd, errno := accept(l)
		switch {
		case errno == 0:
			return c.own(fd), shortRead(fd)
		case !again(errno) || time.Now().After(deadline):
			return -1, fmt.Errorf("accept: %w", errno)
		}
	}
}

func shortRead(fd int) error {
	tv := unix.NsecToTimeval(patience.Nanoseconds())
	err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	return os.NewSyscallError("setsockopt", err)
}

// again reports whether a system call that failed with e should be repeated.
func again(e syscall.Errno) bool {
	return e == unix.EAGAIN || e == unix.EINTR
}

// read, write and accept are raw system calls, which the Go scheduler does not notice.
func read(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_READ, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), e
}

func write(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), e
}

func accept(fd int) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// nap sleeps in a raw system call.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}
