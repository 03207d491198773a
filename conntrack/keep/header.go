package keep

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Origin is where flows are from: they mean nothing anywhere else.
type Origin struct {
	// Boot names the boot of the machine, and Network the network namespace. Each has at most
	// 64 bytes; what is longer is cut.
	Boot, Network string
}

// Ending is how a process ended, as far as it could say.
type Ending uint8

const (
	// EndingNone: it said nothing, so it may have gone on after it wrote. The zero value.
	EndingNone Ending = iota
	// EndingOpen: it ended in order, and packets pass without it.
	EndingOpen
	// EndingShut: it ended in order, and nothing passes until the next one.
	EndingShut
)

// String says the ending in words.
func (e Ending) String() string {
	switch e {
	case EndingOpen:
		return "ordered"
	case EndingShut:
		return "ordered, closed"
	}
	return "none"
}

// header is the first block.
type header struct {
	origin  Origin
	session uint64
	pass    uint64
	// at is the boot time of the pass.
	at     time.Duration
	ending Ending
}

const (
	magic = "sgfwkeep"
	// longestName is what a name in the header has room for.
	longestName = 64
	nameRoom    = longestName + 1
	headerSize  = len(magic) + 4 + 8 + 8 + 8 + 1 + 2*nameRoom
	headerSum   = BlockSize - 4
)

func cut(s string) string { return s[:min(len(s), longestName)] }

// encode fills the first block.
func (h *header) encode(b []byte) {
	clear(b)
	le := binary.LittleEndian
	out := append(b[:0], magic...)
	out = le.AppendUint32(out, version)
	out = le.AppendUint64(out, h.session)
	out = le.AppendUint64(out, h.pass)
	out = le.AppendUint64(out, uint64(h.at))
	out = append(out, byte(h.ending))
	for _, name := range [...]string{h.origin.Boot, h.origin.Network} {
		name = cut(name)
		out = append(out, byte(len(name)))
		out = append(append(out, name...), make([]byte, longestName-len(name))...)
	}
	le.PutUint32(b[headerSum:], crc32.Checksum(b[:headerSum], castagnoli))
}

// Why nothing of a file is taken.
var (
	// ErrForeign: it is no file of a [Writer], or one of another version.
	ErrForeign = errors.New("not written by this version")
	// ErrDamaged: its header is not what was written.
	ErrDamaged = errors.New("damaged")
	// ErrOrigin: it is of another boot or network namespace.
	ErrOrigin = errors.New("from elsewhere")
	// ErrOld: it is older than [Longest], or of a time that is yet to come.
	ErrOld = errors.New("too old")
)

// decode reads the first block.
func (h *header) decode(b []byte) error {
	le := binary.LittleEndian
	if len(b) != BlockSize || string(b[:len(magic)]) != magic {
		return ErrForeign
	}
	if v := le.Uint32(b[8:]); v != version {
		return fmt.Errorf("%w: its layout is %d, ours %d", ErrForeign, v, version)
	}
	if le.Uint32(b[headerSum:]) != crc32.Checksum(b[:headerSum], castagnoli) {
		return fmt.Errorf("%w: the header's checksum is wrong", ErrDamaged)
	}
	h.session, h.pass = le.Uint64(b[12:]), le.Uint64(b[20:])
	h.at, h.ending = time.Duration(le.Uint64(b[28:])), Ending(b[36])
	if h.ending > EndingShut {
		return fmt.Errorf("%w: ending %d", ErrDamaged, h.ending)
	}
	names := b[37:headerSize]
	for i, name := range [...]*string{&h.origin.Boot, &h.origin.Network} {
		room := names[i*nameRoom : (i+1)*nameRoom]
		if room[0] > longestName {
			return fmt.Errorf("%w: a name of %d bytes", ErrDamaged, room[0])
		}
		*name = string(room[1 : 1+room[0]])
	}
	return nil
}

// Longest is the age from which on nothing is taken: for so long TCP repeats what nobody
// acknowledges before it gives up (tcp_retries2 in Linux: 924 s). What was not seen for longer
// has ended, or is something else with the same addresses.
const Longest = 15 * time.Minute

// admits says why nothing of the file is to be taken, nil if it may be. now is boot time.
func (h *header) admits(here Origin, now time.Duration) error {
	switch {
	case h.origin.Boot != cut(here.Boot):
		return fmt.Errorf("%w: another boot of the machine", ErrOrigin)
	case h.origin.Network != cut(here.Network):
		return fmt.Errorf("%w: another network namespace", ErrOrigin)
	case h.at > now || h.at < 0:
		return fmt.Errorf("%w: of a time that is yet to come", ErrOld)
	case now-h.at > Longest:
		return fmt.Errorf("%w: %v, and %v are the most", ErrOld, (now - h.at).Round(time.Second),
			Longest)
	}
	return nil
}
