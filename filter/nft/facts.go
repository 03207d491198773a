package nft

import (
	"errors"
	"fmt"

	"sgfw/policy"
)

// QueueKind is the expression that sends packets to the queues.
type QueueKind string

const (
	// QueueNative is nftables' own queue expression (CONFIG_NFT_QUEUE).
	QueueNative QueueKind = "native"
	// QueueXT is the xtables target NFQUEUE, revision 3, through nft_compat: where
	// the kernel lacks the native one.
	QueueXT QueueKind = "xt"
)

// Hooks are where our base chains for devices with the local view are registered.
var Hooks = []string{"input", "forward", "output"}

// WireHooks are where those for devices with the view of the wire are, as long as there
// are such devices.
var WireHooks = []string{"prerouting", "postrouting"}

// Priority is that of the base chains in Hooks: behind DNAT, before SNAT.
const Priority = 0

// Reassembly is what makes the kernel reassemble fragments before our chains see them (K7).
type Reassembly string

const (
	// ReassemblyTProxy enables it by a tproxy expression, which costs nothing else.
	ReassemblyTProxy Reassembly = "tproxy"
	// ReassemblyConntrack enables it by a ct expression, which also makes the kernel track
	// every connection of the namespace.
	ReassemblyConntrack Reassembly = "ct"
	// ReassemblyNone: the chains see raw fragments of IPv6 and of forwarded packets.
	ReassemblyNone Reassembly = "none"
)

// Facts is what the kernel offers and what is installed, for people to see.
//
// Owner, Persist, Bypass and Generation are zero while nothing is installed.
type Facts struct {
	Queue      QueueKind
	Reassembly Reassembly
	// CanOwn and CanPersist: the kernel offers what Owner and Persist need.
	CanOwn, CanPersist bool
	// NoOffload is why the kernel cannot carry on with flows ([Plan].Offload), nil if it can.
	NoOffload error
	// Owner: the table belongs to our socket; other programs cannot change it, and
	// `flush ruleset` passes it by (NFT_TABLE_F_OWNER, kernel 5.12).
	Owner bool
	// Persist: the table outlives our socket (NFT_TABLE_F_PERSIST, kernel 6.9).
	Persist bool
	// Bypass: queues without a listener let packets pass. Only where Gone is accept
	// and the kernel has no owned tables.
	Bypass bool
	// Bridged: what a bridge hands from port to port can pass in the table (K27).
	Bridged bool
	// Wire: the base chains of WireHooks are installed.
	Wire bool
	// Missing lists the failsafes that this kernel cannot express.
	Missing []policy.Failsafe
	// Generation is the number of the ruleset transaction after which the table was
	// last read back and found as planned; 0: not installed.
	Generation uint32
	// Port is the netlink port id of our socket: the owner that others see.
	Port uint32
}

// ErrOwned: a live socket of another process owns the table. errors.As with
// *OwnedError tells whose.
var ErrOwned = errors.New("table inet " + TableName + " has another owner")

// ErrMissing: the table, or one of its chains, is not there.
var ErrMissing = errors.New("table inet " + TableName + " is missing")

// ErrAltered: the table is there, but not as it was installed.
var ErrAltered = errors.New("table inet " + TableName + " was altered")

// ErrNoWire: the kernel cannot tell what it forwards in the hooks of the wire. It needs the
// fib expression (CONFIG_NFT_FIB_INET) and Linux 5.7 (K28).
var ErrNoWire = errors.New("view: wire needs Linux 5.7 and the fib expression of nftables " +
	"(CONFIG_NFT_FIB_INET)")

// What the kernel needs to carry on with flows.
var (
	errNoOwner = errors.New("tables that go with their owner (Linux 5.12)")
	errNoSets  = errors.New("sets of nftables that packets fill, with keys of several fields, " +
		"counters and timeouts")
	errNoCarry = errors.New("rules of nftables that fill sets, and change a packet's mark " +
		"and priority")
)

// ErrNoQueue: the kernel can send packets to no queue, neither by the native
// expression (CONFIG_NFT_QUEUE) nor by the xtables target
// (CONFIG_NETFILTER_XT_TARGET_NFQUEUE and CONFIG_NFT_COMPAT).
var ErrNoQueue = errors.New("kernel has no NFQUEUE support for nftables")

// OwnedError is ErrOwned with the owner.
type OwnedError struct {
	Port uint32 // netlink port id of the owning socket
	PID  int    // process that holds the socket; 0 when it could not be found
}

// Error names the owner as well as it is known.
func (e *OwnedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%v: netlink port %d", ErrOwned, e.Port)
	}
	return fmt.Sprintf("%v: process %d, netlink port %d", ErrOwned, e.PID, e.Port)
}

// Is makes errors.Is(err, ErrOwned) hold.
func (e *OwnedError) Is(target error) bool { return target == ErrOwned }

// Count is what a named counter of the table has seen.
type Count struct{ Packets, Bytes uint64 }

// Change is an alteration of the table by somebody else.
type Change struct {
	// Err is ErrMissing or ErrAltered with detail, or the failure to find out.
	Err error
	// Generation is the transaction that did it; PID is the process of its sender,
	// Process the name of the thread that sent it, Port the netlink port id of the
	// socket that it used. All are zero when notifications were lost and the change
	// was found by looking.
	Generation uint32
	PID        int
	Process    string
	Port       uint32
}
