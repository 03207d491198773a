package nfqueue

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The files are those of the thread, which may have a network namespace of its own.
const (
	kernelQueuesPath  = "/proc/thread-self/net/netfilter/nfnetlink_queue"
	netlinkSocketPath = "/proc/thread-self/net/netlink"
)

// ReadKernelQueues returns every bound queue in the network namespace of the
// calling thread. It needs root. A kernel that has not loaded nfnetlink_queue
// has no queues: the error matches [os.ErrNotExist].
func ReadKernelQueues() ([]KernelQueue, error) {
	f, err := os.Open(kernelQueuesPath)
	if err != nil {
		return nil, fmt.Errorf("nfqueue: kernel queues: %w", err)
	}
	defer f.Close()
	queues, err := parseKernelQueues(f)
	if err != nil {
		return nil, fmt.Errorf("nfqueue: kernel queues: %s: %w", kernelQueuesPath, err)
	}
	return queues, nil
}

// kernelView is the kernel's table of queues in the namespace in which it was opened, whichever
// thread reads it. A nil view shows no queue.
type kernelView struct{ file *os.File }

func openKernelView() *kernelView {
	f, err := os.Open(kernelQueuesPath)
	if err != nil {
		return nil
	}
	return &kernelView{f}
}

// waiting returns how many packets of a queue have no verdict. It is 0 also if there is no such
// queue or the table cannot be read.
func (v *kernelView) waiting(number uint16) uint32 {
	if v == nil {
		return 0
	}
	queues, err := parseKernelQueues(io.NewSectionReader(v.file, 0, math.MaxInt64))
	if err != nil {
		return 0
	}
	entry, _ := findKernelQueue(queues, number)
	return entry.Waiting
}

func (v *kernelView) close() {
	if v != nil {
		v.file.Close()
	}
}

// owner returns the owner of a queue, as far as /proc shows it. It returns nil if there is none
// or the table cannot be read.
func owner(number uint16) *OwnedError {
	queues, err := ReadKernelQueues()
	if err != nil {
		return nil
	}
	entry, ok := findKernelQueue(queues, number)
	if !ok {
		return nil
	}
	e := &OwnedError{Queue: number, PortID: entry.PortID}
	e.PID, e.Command = netlinkHolder(entry.PortID)
	return e
}

// Holder returns the process that owns a queue, or 0 and "" if /proc does not show it.
func (k KernelQueue) Holder() (pid int, command string) { return netlinkHolder(k.PortID) }

// netlinkHolder finds the process that has opened the netfilter socket with a port id. The port
// id is not enough: only the first socket of a process gets its PID as port id, and in another
// PID namespace that PID is another process.
func netlinkHolder(port uint32) (pid int, command string) {
	f, err := os.Open(netlinkSocketPath)
	if err != nil {
		return 0, ""
	}
	defer f.Close()
	inode, ok := parseNetlinkInode(f, unix.NETLINK_NETFILTER, port)
	if !ok {
		return 0, ""
	}
	want := "socket:[" + inode + "]"
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, ""
	}
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err != nil || target != want {
			continue
		}
		process := filepath.Dir(filepath.Dir(d))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}
