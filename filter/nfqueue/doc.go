// Package nfqueue takes packets from the kernel's NFQUEUE and gives verdicts
// back. What a verdict is, a [Handler] decides; this package only moves bytes.
//
// Two drivers stand behind [Queue] and pass the same hostile tests:
//
//   - [DriverBatch] reads up to 32 messages per system call, decodes them in
//     place and joins their verdicts in one write. It does not allocate.
//   - [DriverGoNFQueue] is github.com/florianl/go-nfqueue with its callback: the
//     reference, simple and about six times slower.
//
// Both drop what they do not understand, never fail open, and leave queue
// overflow to the kernel, which drops and counts it (see [KernelQueue]).
//
// Sources: net/netfilter/nfnetlink_queue.c, net/netlink/af_netlink.c and
// include/uapi/linux/netfilter/nfnetlink_queue.h of the kernel.
package nfqueue
