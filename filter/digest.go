package filter

import (
	"crypto/sha256"
	"encoding/binary"

	"sgfw/filter/match"
)

// digest tells lists of grants apart.
func digest(grants []match.Grant) (sum [sha256.Size]byte) {
	h := sha256.New()
	var b [32]byte
	for i := range grants {
		g := &grants[i]
		binary.LittleEndian.PutUint64(b[0:], g.Key.Hi)
		binary.LittleEndian.PutUint64(b[8:], g.Key.Lo)
		binary.LittleEndian.PutUint32(b[16:], uint32(g.Bits))
		binary.LittleEndian.PutUint32(b[20:], uint32(g.Span.Lo))
		binary.LittleEndian.PutUint32(b[24:], uint32(g.Span.Hi))
		binary.LittleEndian.PutUint32(b[28:], uint32(g.Span.Rule))
		h.Write(b[:])
	}
	h.Sum(sum[:0])
	return sum
}
