package keep

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"sgfw/conntrack"
)

// Kept is what a file has.
type Kept struct {
	// Age is how long ago it was written last, by the machine's clock.
	Age    time.Duration
	Ending Ending
	// Damaged is how many blocks were torn, or flipped, or beyond the limit; Impossible how
	// many flows in whole blocks were none.
	Damaged, Impossible int

	flows    []kept
	counters []counted
}

// kept is a flow of a file.
type kept struct {
	image       conntrack.Image
	scope, rule ID
	pass        uint64
	offset      int64
	lane        uint8
}

type counted struct {
	Counter
	offset int64
}

// Flows is how many flows the file has.
func (k *Kept) Flows() int { return len(k.flows) }

// Read reads a file of at most so many blocks. now is the machine's boot time. The error
// says why nothing of it is to be taken: it wraps [ErrForeign], [ErrDamaged], [ErrOrigin],
// [ErrOld], or is one of reading.
func Read(r io.Reader, here Origin, now time.Duration, most uint32) (*Kept, error) {
	var b [BlockSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it is too short", ErrForeign)
		}
		return nil, err
	}
	var h header
	if err := h.decode(b[:]); err != nil {
		return nil, err
	}
	if err := h.admits(here, now); err != nil {
		return nil, err
	}
	k := &Kept{Age: now - h.at, Ending: h.ending}
	for n := uint32(1); ; n++ {
		_, err := io.ReadFull(r, b[:])
		switch {
		case errors.Is(err, io.EOF):
			return k, nil
		case errors.Is(err, io.ErrUnexpectedEOF), err == nil && n >= most:
			k.Damaged++
			return k, nil
		case err != nil:
			return nil, err
		}
		k.block(h.session, n, b[:])
	}
}

// block takes what one block has.
func (k *Kept) block(session uint64, n uint32, b []byte) {
	var x block
	if !x.open(session, n, b) {
		k.Damaged++
		return
	}
	le, body := binary.LittleEndian, b[blockHead:]
	for i := range int(x.count) {
		if x.kind == kindCounters {
			c := body[i*counterSize:]
			k.counters = append(k.counters, counted{offset: x.offset, Counter: Counter{
				ID: ID(le.Uint64(c)), Value: le.Uint64(c[8:]), Last: conntrack.Time(le.Uint64(c[16:]))}})
			continue
		}
		f := body[i*flowSize : (i+1)*flowSize]
		one := kept{scope: ID(le.Uint64(f)), rule: ID(le.Uint64(f[8:])),
			pass: x.pass, offset: x.offset, lane: x.lane}
		if one.image.Decode(f[16:]) != nil || one.scope == 0 {
			k.Impossible++
			continue
		}
		k.flows = append(k.flows, one)
	}
}
