package filter

import "sgfw/filter/packet"

// Hook is the netfilter hook that queued a packet (include/uapi/linux/netfilter.h).
type Hook uint8

const (
	HookInput   Hook = 1
	HookForward Hook = 2
	HookOutput  Hook = 3
)

// Event is one packet that waits for a verdict.
type Event struct {
	Frame packet.Frame
	// In and Out are interface indexes, 0 where the hook has none.
	In, Out uint32
	Hook    Hook
	// Bridged is true for a frame that a bridge hands from one of its ports to another
	// (K27). Nothing of it is for this machine, and nothing was routed.
	Bridged bool
}
