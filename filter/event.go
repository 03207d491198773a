package filter

import "sgfw/filter/packet"

// Hook is the netfilter hook that queued a packet (include/uapi/linux/netfilter.h).
// Packets of an interface with the view of the wire come from HookPrerouting and
// HookPostrouting, those of others from the hooks between them (X8).
type Hook uint8

const (
	HookPrerouting  Hook = 0
	HookInput       Hook = 1
	HookForward     Hook = 2
	HookOutput      Hook = 3
	HookPostrouting Hook = 4
)

// comesIn and goesOut report whether a packet crosses a device before the hook, and
// will cross one behind it, as far as the hook decides about that.
func (h Hook) comesIn() bool { return h <= HookForward }
func (h Hook) goesOut() bool { return h >= HookForward }

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
