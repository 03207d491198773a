package keep

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"sgfw/conntrack"
)

// FuzzRead: a file may say anything. What comes of it is a table that works. Checksums are
// mended, so that what is behind them is tried, too.
func FuzzRead(f *testing.F) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(8, 1)), 60, began)
	m, _ := written(f, from, []Counter{{ID: 1, Value: 2, Last: began}}, EndingShut)
	f.Add(m.bytes[:4*BlockSize], true)
	f.Add(m.bytes[:3*BlockSize+9], false)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if len(b) >= BlockSize && mend {
			var h header
			copy(b, magic)
			binary.LittleEndian.PutUint32(b[8:], version)
			binary.LittleEndian.PutUint64(b[28:], uint64(up))
			h.session = binary.LittleEndian.Uint64(b[12:])
			h.at, h.origin, h.ending = up, here, Ending(b[36]%3)
			h.encode(b[:BlockSize])
			for n := 1; (n+1)*BlockSize <= len(b); n++ {
				x := b[n*BlockSize : (n+1)*BlockSize]
				binary.LittleEndian.PutUint32(x, checksum(h.session, uint32(n), x[4:]))
			}
		}
		k, err := Read(bytes.NewReader(b), here, up, 64)
		if err != nil {
			if mend && len(b) >= BlockSize {
				t.Fatal(err)
			}
			return
		}
		to := conntrack.NewTable(conntrack.Config{MaxFlows: 1000})
		res, _ := k.Restore(to, at, numbers)
		if res.Restored != to.Len()+to.Untracked() {
			t.Fatalf("%+v with %d flows", res, to.Len()+to.Untracked())
		}
		to.Expire(began.Add(6*24*time.Hour), 1<<20)
		if n := to.Len() + to.Untracked(); n != 0 {
			t.Fatalf("%d flows never end", n)
		}
	})
}
