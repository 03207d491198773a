package nfqueue

import (
	"encoding/binary"

	"sgfw/conntrack"
	"sgfw/filter/offload"
)

// verdict is a verdict of include/uapi/linux/netfilter.h.
type verdict uint32

const (
	verdictDrop   verdict = 0 // NF_DROP
	verdictAccept verdict = 1 // NF_ACCEPT
	// verdictRepeat is NF_REPEAT: the packet passes the same base chain once more, with
	// the mark of the verdict (nf_reinject, net/netfilter/nfnetlink_queue.c).
	verdictRepeat verdict = 4
)

// verdictLen is the length of a verdict message: headers, and an attribute with struct
// nfqnl_msg_verdict_hdr.
const verdictLen = messageHeaderLen + genHeaderLen + attrHeaderLen + 8

// markedLen is that of a verdict with a mark.
const markedLen = verdictLen + attrHeaderLen + 4

// flagRequest is NLM_F_REQUEST. Without NLM_F_ACK the kernel answers only verdicts that it
// refuses.
const flagRequest = 1

// appendVerdict appends one NFQNL_MSG_VERDICT message. One write may hold several; the kernel
// handles each on its own, so a refused one does not stop the others. The kernel's batch
// verdict is no substitute: it also accepts waiting packets that nobody has read yet
// (K14, K15).
func appendVerdict(b []byte, queue uint16, id uint32, v verdict) []byte {
	return appendSized(b, verdictLen, queue, id, v)
}

// appendMarked is appendVerdict of a packet that goes on with another mark.
func appendMarked(b []byte, queue uint16, id uint32, v verdict, mark uint32) []byte {
	b = appendSized(b, markedLen, queue, id, v)
	b = binary.NativeEndian.AppendUint16(b, attrHeaderLen+4)
	b = binary.NativeEndian.AppendUint16(b, attrMark)
	return binary.BigEndian.AppendUint32(b, mark)
}

// appendSized appends a verdict in a message of a length.
func appendSized(b []byte, size uint32, queue uint16, id uint32, v verdict) []byte {
	b = binary.NativeEndian.AppendUint32(b, size)
	b = binary.NativeEndian.AppendUint16(b, typeVerdict)
	b = binary.NativeEndian.AppendUint16(b, flagRequest)
	b = append(b,
		0, 0, 0, 0, // sequence
		0, 0, 0, 0, // port id: the kernel knows it
		0, 0) // family: any; version 0
	b = binary.BigEndian.AppendUint16(b, queue)
	b = binary.NativeEndian.AppendUint16(b, attrHeaderLen+8)
	b = binary.NativeEndian.AppendUint16(b, attrVerdict)
	b = binary.BigEndian.AppendUint32(b, uint32(v))
	return binary.BigEndian.AppendUint32(b, id)
}

// markOf is the mark of a packet that passes and whose flow may be carried for so long.
func markOf(m offload.Marks, c conntrack.Carriage) uint32 {
	switch c {
	case conntrack.CarryOpening:
		return m.Opening()
	case conntrack.CarryProven:
		return m.Proven()
	}
	return m.Pass()
}
