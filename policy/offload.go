package policy

import (
	"fmt"
	"math/bits"
	"time"
)

// Datapath names what judges packets.
type Datapath string

const (
	// DatapathAutomatic is DatapathOffload where the kernel can do it, else
	// DatapathUserspace.
	DatapathAutomatic Datapath = "automatic"
	// DatapathUserspace: the daemon judges every packet.
	DatapathUserspace Datapath = "userspace"
	// DatapathOffload: the kernel passes packets of flows that the daemon let in, and the
	// daemon judges one of them from time to time.
	DatapathOffload Datapath = "offload"
)

// Datapaths are the values in the policy file.
func Datapaths() []Datapath {
	return []Datapath{DatapathAutomatic, DatapathOffload, DatapathUserspace}
}

// Offload are the values under `settings.offload:`.
type Offload struct {
	// MarkBits are the numbers of the two bits of a packet's mark by which verdicts tell the
	// kernel's rules what they are.
	MarkBits [2]uint8
	// Lifetime is how long the kernel carries on with a flow that has proven itself before
	// one of its packets is judged again.
	Lifetime time.Duration
}

// Bounds of [Offload].
const (
	MaxMarkBit         = 31
	MinOffloadLifetime = 10 * time.Second
	MaxOffloadLifetime = 60 * time.Second
)

// DefaultOffload has bits that no program is known to use: Tailscale has bits 16 to 23,
// Kubernetes 14 and 15, Calico by default 16 to 31 but for what it is told, WireGuard's
// wg-quick the whole number 51820.
var DefaultOffload = Offload{MarkBits: [2]uint8{28, 29}, Lifetime: 30 * time.Second}

// Mask has the two bits.
func (o Offload) Mask() uint32 { return 1<<o.MarkBits[0] | 1<<o.MarkBits[1] }

// check reports what is out of range.
func (o Offload) check(report func(Problem)) {
	invalid := func(field, hint, format string, a ...any) {
		report(Problem{Field: "settings.offload." + field, Code: InvalidParameterValue,
			Message: fmt.Sprintf(format, a...), Hint: hint})
	}
	if max(o.MarkBits[0], o.MarkBits[1]) > MaxMarkBit || bits.OnesCount32(o.Mask()) != 2 {
		invalid("mark_bits", fmt.Sprintf("two different bits, each 0 to %d", MaxMarkBit),
			"offload.mark_bits [%d, %d] are not two bits of a mark", o.MarkBits[0], o.MarkBits[1])
	}
	if o.Lifetime < MinOffloadLifetime || o.Lifetime > MaxOffloadLifetime {
		invalid("lifetime", fmt.Sprintf("%d to %d seconds", MinOffloadLifetime/time.Second,
			MaxOffloadLifetime/time.Second),
			"offload.lifetime %d is out of range", o.Lifetime/time.Second)
	}
}
