package nfqueue

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ringLen messages are read by one system call at most. More than 32 is slower
	// (measured): the buffers no longer fit into the first cache.
	ringLen = 32
	// attributeRoom is what a message needs beside the copied bytes: headers, 16
	// attributes and a hardware address come to less than 256.
	attributeRoom = 512
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// ring is the memory that recvmmsg fills: fixed buffers and senders, linked
// once.
type ring struct {
	messages [ringLen]mmsghdr
	vectors  [ringLen]unix.Iovec
	senders  [ringLen]unix.RawSockaddrNetlink
	buffers  []byte
	size     int
}

func newRing(copyRange uint32) *ring {
	r := &ring{size: align(int(copyRange) + attributeRoom)}
	r.buffers = make([]byte, ringLen*r.size)
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

// receive waits for one message and takes what else is there. It returns EAGAIN when
// the socket's receive timeout passes.
func (r *ring) receive(fd int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.messages)), ringLen, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// poll takes what is there. It returns EAGAIN when that is nothing. The call
// cannot sleep, so the scheduler need not know of it.
func (r *ring) poll(fd int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.messages)), ringLen, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// look returns message i, whoever sent it, without taking it.
func (r *ring) look(i int) []byte {
	n := min(int(r.messages[i].length), r.size)
	return r.buffers[i*r.size : i*r.size+n]
}

// take returns message i and whether port sent it. It is called once for each
// message: the kernel has overwritten the length of the sender's address, which has
// to be restored for the next read.
func (r *ring) take(i int, port uint32) ([]byte, bool) {
	m, sender := &r.messages[i], &r.senders[i]
	ok := m.header.Namelen == unix.SizeofSockaddrNetlink &&
		sender.Family == unix.AF_NETLINK && sender.Pid == port
	m.header.Namelen = unix.SizeofSockaddrNetlink
	n := min(int(m.length), r.size)
	return r.buffers[i*r.size : i*r.size+n : i*r.size+n], ok
}
