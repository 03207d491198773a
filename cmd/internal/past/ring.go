package past

import (
	"strings"
	"sync"
	"unsafe"

	"sgfw/filter"
)

// Remembered are the reasons of the packets that are remembered.
var Remembered = filter.ReasonsOf(filter.ReasonRule, filter.ReasonNoRoom, filter.ReasonNoRule,
	filter.ReasonNetworkACL)

const (
	// chunkSize is how many packets are forgotten at once to make room.
	chunkSize = 4096
	// maxNames bounds the names of devices that are kept for packets yet to come.
	maxNames = 4096
	// ChunkBytes is how much memory a chunk takes.
	ChunkBytes = chunkSize * int(unsafe.Sizeof(filter.Record{}))
)

// Ring remembers packets; the oldest make room for the newest. Its memory grows to its bound
// as there is something to remember. All methods are safe for concurrent use.
type Ring struct {
	mu     sync.Mutex
	most   int // chunks
	chunks [][]filter.Record
	names  map[string]string
	lost   uint64
}

// NewRing returns a ring of at most so many bytes, of one chunk at least.
func NewRing(bytes int) *Ring {
	return &Ring{most: max(1, bytes/ChunkBytes), names: make(map[string]string)}
}

// Add remembers packets, and that some were lost.
func (r *Ring) Add(list []filter.Record, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost += lost
	for i := range list {
		last := len(r.chunks) - 1
		if last < 0 || len(r.chunks[last]) == chunkSize {
			r.grow()
			last = len(r.chunks) - 1
		}
		rec := list[i]
		// Nothing of a policy that is gone is kept alive.
		rec.Device, rec.Groups = r.name(rec.Device), nil
		r.chunks[last] = append(r.chunks[last], rec)
	}
}

func (r *Ring) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.chunks) == 0
}

// grow adds an empty chunk, or makes the oldest one that.
func (r *Ring) grow() {
	if len(r.chunks) < r.most {
		r.chunks = append(r.chunks, make([]filter.Record, 0, chunkSize))
		return
	}
	oldest := r.chunks[0]
	copy(r.chunks, r.chunks[1:])
	r.chunks[len(r.chunks)-1] = oldest[:0]
}

// name is a copy of a device's name that its packets share, until there are too many names.
func (r *Ring) name(device string) string {
	name, known := r.names[device]
	if !known {
		if len(r.names) == maxNames {
			clear(r.names) // the packets keep theirs
		}
		name = strings.Clone(device)
		r.names[name] = name
	}
	return name
}

// each calls visit for every packet, the oldest first, a chunk at a time: whoever adds waits
// for one chunk and not for all. Where the oldest chunk is forgotten meanwhile, one is passed over.
func (r *Ring) each(visit func(*filter.Record)) (packets, lost uint64) {
	var copied []filter.Record
	for i := 0; ; i++ {
		r.mu.Lock()
		lost = r.lost
		if i >= len(r.chunks) {
			r.mu.Unlock()
			return packets, lost
		}
		copied = append(copied[:0], r.chunks[i]...)
		r.mu.Unlock()
		for j := range copied {
			visit(&copied[j])
			packets++
		}
	}
}
