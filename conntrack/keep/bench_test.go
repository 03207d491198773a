package keep

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sgfw/conntrack"
)

// benchTable is a table of n flows.
func benchTable(n int) *conntrack.Table {
	t := conntrack.NewTable(conntrack.Config{MaxFlows: 4 * n, MaxUntracked: n})
	fill(t, rand.New(rand.NewPCG(9, 1)), n, began)
	return t
}

// BenchmarkSave is one pass over 100,000 flows: nothing changed, or every block did.
func BenchmarkSave(b *testing.B) {
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = b.TempDir()
	}
	for _, busy := range []bool{false, true} {
		name := "idle"
		if busy {
			name = "busy"
		}
		b.Run(name, func(b *testing.B) {
			f, err := os.CreateTemp(dir, "keep")
			if err != nil {
				b.Fatal(err)
			}
			defer os.Remove(filepath.Clean(f.Name()))
			w := NewWriter(f, benchTable(100_000), here, 1<<20)
			c := at
			for b.Loop() {
				if busy {
					c.Boot += time.Minute // so each block says something else
				}
				if _, err := w.Save(c, names, nil, EndingNone); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.out.Blocks), "blocks")
		})
	}
}

// BenchmarkRestore is what a start with 100,000 flows takes longer.
func BenchmarkRestore(b *testing.B) {
	m, _ := written(b, benchTable(100_000), nil, EndingNone)
	for b.Loop() {
		k, err := Read(bytes.NewReader(m.bytes), here, up, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		t := conntrack.NewTable(conntrack.Config{MaxFlows: 400_000, MaxUntracked: 100_000})
		if res, _ := k.Restore(t, at, numbers); res.Restored < 99_000 {
			b.Fatal(res)
		}
	}
}
