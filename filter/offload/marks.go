package offload

import (
	"fmt"
	"math/bits"
)

// Marks are the two bits of a packet's mark by which a verdict tells the kernel's rules
// what it is: they are set by the verdict, and the rules behind it take them away. Nobody
// else may use them. The zero value has none: a verdict is a plain one.
type Marks uint32

// DefaultMarks are bits that no program is known to use: Tailscale has bits 16 to 23,
// Kubernetes 14 and 15, Calico by default 16 to 31 but for what it is told, WireGuard's
// wg-quick the whole number 51820.
const DefaultMarks Marks = 1<<28 | 1<<29

// Check says what is wrong with the marks, nil if they are two bits.
func (m Marks) Check() error {
	if bits.OnesCount32(uint32(m)) != 2 {
		return fmt.Errorf("%#x is not two bits", uint32(m))
	}
	return nil
}

// low and high are the two bits.
func (m Marks) low() Marks  { return m & -m }
func (m Marks) high() Marks { return m &^ m.low() }

// Pass is the mark of a packet that passes, and of whose flow nothing is carried; Opening
// and Proven those of packets whose flow goes into the sets of that name. None is zero, which
// is what a packet without a verdict has.
func (m Marks) Pass() uint32 { return uint32(m.low()) }

// Opening: see Pass.
func (m Marks) Opening() uint32 { return uint32(m) }

// Proven: see Pass.
func (m Marks) Proven() uint32 { return uint32(m.high()) }
