package nfqueue

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// KernelQueue is what the kernel reports about one queue: a line of
// /proc/net/netfilter/nfnetlink_queue. Its counters are 32 bits wide and wrap.
type KernelQueue struct {
	Queue uint16
	// PortID is the netlink port of the owner, often its PID.
	PortID uint32
	// Waiting packets have no verdict yet.
	Waiting uint32
	// CopyMode is 0 (nothing, packets are refused), 1 (headers of the message
	// only) or 2 (packet), CopyRange the bytes copied of each.
	CopyMode  uint8
	CopyRange uint32
	// QueueDropped packets were dropped because MaxLen packets were waiting, UserDropped
	// packets because the owner's receive buffer was full.
	QueueDropped, UserDropped uint32
	// LastID is the ID of the latest packet.
	LastID uint32
}

// parseKernelQueues reads the table of seq_show in nfnetlink_queue.c: queue number,
// port id, waiting, copy mode, copy range, dropped by queue, dropped for the
// user, id sequence, and a constant 1.
func parseKernelQueues(r io.Reader) ([]KernelQueue, error) {
	const columns = 8
	var queues []KernelQueue
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := strings.Fields(lines.Text())
		if len(text) == 0 {
			continue
		}
		if len(text) < columns {
			return nil, fmt.Errorf("%d columns in %q, want %d", len(text), lines.Text(), columns)
		}
		var n [columns]uint32
		for i := range n {
			bits := 32
			switch i {
			case 0:
				bits = 16
			case 3:
				bits = 8
			}
			v, err := strconv.ParseUint(text[i], 10, bits)
			if err != nil {
				// Some kernels print the port id and the counters with %d, so that large
				// ones are negative.
				signed, serr := strconv.ParseInt(text[i], 10, bits)
				if serr != nil {
					return nil, fmt.Errorf("column %d of %q: %w", i+1, lines.Text(), err)
				}
				v = uint64(uint32(signed))
			}
			n[i] = uint32(v)
		}
		queues = append(queues, KernelQueue{
			Queue:        uint16(n[0]),
			PortID:       n[1],
			Waiting:      n[2],
			CopyMode:     uint8(n[3]),
			CopyRange:    n[4],
			QueueDropped: n[5],
			UserDropped:  n[6],
			LastID:       n[7],
		})
	}
	return queues, lines.Err()
}

// findKernelQueue returns the entry of one queue.
func findKernelQueue(queues []KernelQueue, number uint16) (KernelQueue, bool) {
	for _, q := range queues {
		if q.Queue == number {
			return q, true
		}
	}
	return KernelQueue{}, false
}

// parseNetlinkInode finds the inode of the socket with the given protocol and port id in
// /proc/net/netlink. Its columns are sk, Eth (the protocol), Pid (the port id), Groups, Rmem,
// Wmem, Dump, Locks, Drops and Inode.
func parseNetlinkInode(r io.Reader, protocol int, port uint32) (string, bool) {
	const columns = 10
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := strings.Fields(lines.Text())
		if len(text) < columns {
			continue
		}
		if p, err := strconv.Atoi(text[1]); err != nil || p != protocol {
			continue
		}
		// Printed with %-10d or %-10u, depending on the kernel.
		if n, err := strconv.ParseInt(text[2], 10, 64); err == nil && uint32(n) == port {
			return text[columns-1], true
		}
	}
	return "", false
}
