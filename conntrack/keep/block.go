package keep

import (
	"encoding/binary"
	"hash/crc32"

	"sgfw/conntrack"
)

// ID is a name of something that flows belong to, or that is counted, and the same in every
// process. 0 is none.
type ID uint64

const (
	// BlockSize is the size of a block, in bytes: a page.
	BlockSize = 4096
	// version is the layout of the file.
	version = 1

	blockHead   = 24
	flowSize    = conntrack.ImageSize + 16
	counterSize = 24
	// perBlock is how many counters a block has at most.
	perBlock = (BlockSize - blockHead) / counterSize
)

// The slab of a table fits into a block.
var _ [BlockSize - blockHead - conntrack.SlabFlows*flowSize]byte

// kind is what a block has.
type kind uint8

const (
	kindFlows kind = 1 + iota
	kindCounters
)

// block is what stands at the beginning of a block other than the first:
//
//	0   checksum of the rest
//	4   kind, count, lane, 0
//	8   pass
//	16  boot time minus the table's time, in nanoseconds
type block struct {
	kind  kind
	count uint8
	// lane is the table's, of flows.
	lane uint8
	// pass counts the passes of the writer; a later one knows better.
	pass uint64
	// offset turns the times of the block into the machine's boot time.
	offset int64
}

// castagnoli is computed by the processor.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of block n of a session: one of another file, or in another place, is
// none of it.
func checksum(session uint64, n uint32, b []byte) uint32 {
	var seed [12]byte
	binary.LittleEndian.PutUint64(seed[:], session)
	binary.LittleEndian.PutUint32(seed[8:], n)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, b)
}

// write writes the head of a block without its checksum.
func (x *block) write(b []byte) {
	b[4], b[5], b[6], b[7] = byte(x.kind), x.count, x.lane, 0
	binary.LittleEndian.PutUint64(b[8:], x.pass)
	binary.LittleEndian.PutUint64(b[16:], uint64(x.offset))
}

// seal writes the head of block n, whose body is there, and its checksum.
func (x *block) seal(session uint64, n uint32, b []byte) {
	x.write(b)
	binary.LittleEndian.PutUint32(b, checksum(session, n, b[4:BlockSize]))
}

// open reads the head of block n and reports whether the block is whole.
func (x *block) open(session uint64, n uint32, b []byte) bool {
	le := binary.LittleEndian
	if le.Uint32(b) != checksum(session, n, b[4:BlockSize]) {
		return false
	}
	*x = block{kind: kind(b[4]), count: b[5], lane: b[6],
		pass: le.Uint64(b[8:]), offset: int64(le.Uint64(b[16:]))}
	switch x.kind {
	case kindFlows:
		return x.count <= conntrack.SlabFlows
	case kindCounters:
		return x.count <= perBlock
	}
	return false
}
