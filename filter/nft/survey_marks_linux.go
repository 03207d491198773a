package nft

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// marking returns the bits of a packet's mark that a rule sets to 1, as far as it says: what it
// takes from elsewhere, such as the mark of a connection, is not known.
func marking(r *nftables.Rule) (bits uint32) {
	set := make(map[uint32]uint32) // by register
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Immediate:
			set[e.Register] = word32(e.Data)
		case *expr.Meta:
			if e.Key == expr.MetaKeyMARK && e.SourceRegister {
				bits |= set[e.Register]
			} else if !e.SourceRegister {
				delete(set, e.Register)
			}
		case *expr.Bitwise:
			set[e.DestRegister] = set[e.SourceRegister]&word32(e.Mask) | word32(e.Xor)
		case *expr.Target:
			// struct xt_mark_tginfo2: the bits, and the mask of those that change.
			if info, ok := e.Info.(*xt.Unknown); ok && e.Name == "MARK" && len(*info) >= 8 {
				bits |= word32(*info)
			}
		}
	}
	return bits
}

// word32 is a value of four bytes, 0 for anything else.
func word32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
