package offload

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The kernel begins the counter of an element anew before it knows whether what it has counted
// fits into the message (nft_counter_do_dump, nf_tables_fill_setelem). Where it does not, the
// next message tells of the element with zeros: one in each message of a dump would be lost.
// How much a message takes is what the reader has room for, so that has a length at which an
// element that does not fit fails before its counter.
const (
	// mostDumped is the largest message of a dump: SKB_WITH_OVERHEAD(32768) less what struct
	// skb_shared_info may take (netlink_recvmsg).
	mostDumped = 32<<10 - 512
	// keptLen is what of an element comes before the kernel reads the counter, but for the
	// key: nests of element, key and value, and the nest, name and nest of the counter.
	keptLen = 3*attrLen + attrLen + attrLen + 8 + attrLen
	// resetLen is the rest: bytes, packets, timeout and expiration.
	resetLen = 4 * (attrLen + 8)
)

// dumpLen is how much one read of a dump of a set of the table takes.
func dumpLen(table string) int {
	n := mostDumped
	for ; !leavesCounters(n, table); n -= 4 {
	}
	return n
}

// leavesCounters reports whether no message of this length ends within what the kernel tells
// of an element after it has read the counter, whatever the name of the set.
func leavesCounters(n int, table string) bool {
	for _, of := range (Config{Flows: MaxFlows}).sets() {
		first := headerLen + len(aboutSet(table, of.name())) + attrLen
		element := keptLen + of.family.keyLen() + resetLen
		if (n-first)%element >= element-resetLen {
			return false
		}
	}
	return true
}

// dump reads all elements of a set. It keeps nothing of them, so that a million of them take
// no memory.
func (s *Sets) dump(of set, visit func(element)) error {
	kind := unix.NFT_MSG_GETSETELEM
	if s.resets {
		kind = msgReset
	}
	request := netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | netlink.Dump},
		Data: aboutSet(s.table, of.name()),
	}
	sent, err := s.conn.Send(request)
	if err != nil {
		return err
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	for done := false; !done; {
		var n int
		var failed error
		if err := raw.Read(func(fd uintptr) bool {
			n, _, failed = unix.Recvfrom(int(fd), s.buffer, unix.MSG_DONTWAIT)
			return failed != unix.EAGAIN && failed != unix.EINTR
		}); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		if done, err = eachMessage(s.buffer[:n], sent.Header.Sequence, visit); err != nil {
			return err
		}
	}
	return nil
}

// eachMessage visits the elements of a part of a dump, and reports whether it is the last.
func eachMessage(b []byte, seq uint32, visit func(element)) (done bool, err error) {
	for len(b) >= headerLen {
		n := int(binary.NativeEndian.Uint32(b))
		if n < headerLen || n > len(b) {
			return false, errors.New("a message is cut off")
		}
		kind, body := binary.NativeEndian.Uint16(b[4:]), b[headerLen:n]
		ours := binary.NativeEndian.Uint32(b[8:]) == seq
		b = b[min((n+3)&^3, len(b)):]
		switch {
		case !ours:
		case kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR:
			if len(body) >= 4 {
				if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
					return true, unix.Errno(errno)
				}
			}
			return true, nil
		case kind == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM && len(body) >= genHeaderLen:
			eachElement(body[genHeaderLen:], visit)
		}
	}
	return false, nil
}
