package offload

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// Marks are the two bits of a packet's mark by which a verdict tells the kernel's rules
// what it is: they are set by the verdict, and the rules behind it take them away. Nobody
// else may use them. The zero value has none: a verdict is a plain one.
type Marks uint32

// DefaultMarks are those of policies that name none.
const DefaultMarks Marks = 1<<28 | 1<<29

// Check says what is wrong with the marks, nil if they are two bits.
func (m Marks) Check() error {
	if bits.OnesCount32(uint32(m)) != 2 {
		return fmt.Errorf("%#x is not two bits", uint32(m))
	}
	return nil
}

// Agreed are the marks that verdicts and rules use now. The zero value, and nil, have none.
type Agreed struct{ marks atomic.Uint32 }

// Marks returns them.
func (a *Agreed) Marks() Marks {
	if a == nil {
		return 0
	}
	return Marks(a.marks.Load())
}

// Set has other marks used. No packet may have got its verdict before and meet rules of
// afterwards, or the other way round.
func (a *Agreed) Set(m Marks) { a.marks.Store(uint32(m)) }

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
