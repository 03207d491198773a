package nfqueue

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchLen is the most messages that one system call reads. More than 32 were slower
	// in measurements: the buffers no longer fit into the first-level cache.
	batchLen = 32
	// attributeRoom is the space for the rest of a message: headers, 16 attributes and a
	// hardware address take less than 256 bytes.
	attributeRoom = 512
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// batchReader reads batches of messages with recvmmsg. The buffers are allocated and linked
// once.
type batchReader struct {
	messages [batchLen]mmsghdr
	vectors  [batchLen]unix.Iovec
	senders  [batchLen]unix.RawSockaddrNetlink
	buffers  []byte
	size     int
}

func newBatchReader(copyRange uint32) *batchReader {
	r := &batchReader{size: align(int(copyRange) + attributeRoom)}
	r.buffers = make([]byte, batchLen*r.size)
	for i := range r.messages {
		r.vectors[i].Base = &r.buffers[i*r.size]
		r.vectors[i].SetLen(r.size)
		h := &r.messages[i].header
		h.Iov = &r.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.senders[i]))
		h.Namelen = unix.SizeofSockaddrNetlink
	}
	return r
}

// receive waits for a message and reads the others that are there. It returns EAGAIN when
// the socket's receive timeout has passed.
func (r *batchReader) receive(fd int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.messages)), batchLen, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// poll reads the messages that are there. It returns EAGAIN if there are none. The system
// call cannot sleep, so it is a raw one, which costs the Go scheduler nothing.
func (r *batchReader) poll(fd int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.messages)), batchLen, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// look returns message i without taking it, whoever sent it.
func (r *batchReader) look(i int) []byte {
	n := min(int(r.messages[i].length), r.size)
	return r.buffers[i*r.size : i*r.size+n]
}

// take returns message i and reports whether port sent it. It must be called once for each
// message: it restores the length of the sender's address, which the kernel has
// overwritten, for the next read.
func (r *batchReader) take(i int, port uint32) ([]byte, bool) {
	m, sender := &r.messages[i], &r.senders[i]
	ok := m.header.Namelen == unix.SizeofSockaddrNetlink &&
		sender.Family == unix.AF_NETLINK && sender.Pid == port
	m.header.Namelen = unix.SizeofSockaddrNetlink
	n := min(int(m.length), r.size)
	return r.buffers[i*r.size : i*r.size+n : i*r.size+n], ok
}
