package filter

// links finds the attachment of an interface index. Indexes are small on most
// machines and found by position; on a machine that has made and removed many
// devices they grow, and those beyond denseLinks are found in a map.
type links struct {
	dense  []link
	sparse map[uint32]link
	all    []link
}

type link struct {
	known      bool
	attachment *Attachment // nil for a device that is not managed
}

const denseLinks = 4096

func (l *links) add(index uint32, a *Attachment) {
	entry := link{known: true, attachment: a}
	l.all = append(l.all, entry)
	if index >= denseLinks {
		if l.sparse == nil {
			l.sparse = make(map[uint32]link)
		}
		l.sparse[index] = entry
		return
	}
	for int(index) >= len(l.dense) {
		l.dense = append(l.dense, link{})
	}
	l.dense[index] = entry
}

func (l *links) find(index uint32) link {
	if int(index) < len(l.dense) {
		return l.dense[index]
	}
	return l.sparse[index]
}
