// Package nfqueue is a client of the kernel's NFQUEUE: it receives packets and returns
// verdicts. A [Handler] decides; this package only moves bytes.
//
// There are two drivers behind [Queue], and both pass the same tests with hostile input:
//
//   - [DriverBatch] reads up to 32 messages with one system call, decodes them in place and
//     writes their verdicts with one call. It does not allocate.
//   - [DriverGoNFQueue] is github.com/florianl/go-nfqueue with its callback. It is the simple
//     reference. docs/benchmarks.md measures it 1.4 to 5.4 times slower.
//
// Neither driver accepts a packet that it does not understand, and neither sets fail-open.
// If the ID of such a packet is known, the driver drops it. Otherwise the packet gets no
// verdict and waits until the queue is closed. DriverBatch reads the ID of nearly every
// broken message; go-nfqueue does not pass on a message that it cannot decode, so there the
// packet waits. The kernel itself drops and counts what overflows a queue, see [KernelQueue].
//
// Sources: net/netfilter/nfnetlink_queue.c, net/netlink/af_netlink.c and
// include/uapi/linux/netfilter/nfnetlink_queue.h of the kernel.
package nfqueue
