package differential

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"sgfw/test/netlab"
)

// tracked reads what the kernel counts about its connection tracking in a namespace. A rule
// that counts would itself keep the tracking on.
type tracked struct {
	file *os.File
	last uint64
	buf  []byte
}

func newTracked(t *testing.T, h *netlab.Host) *tracked {
	t.Helper()
	k := &tracked{buf: make([]byte, 65536)}
	err := h.Do(func() (err error) {
		k.file, err = os.Open("/proc/thread-self/net/stat/nf_conntrack")
		return err
	})
	if err != nil {
		t.Skipf("NOT TESTED that exported rulesets do what policies say: nothing is counted: %v", err)
	}
	t.Cleanup(func() { k.file.Close() })
	return k
}

// invalid reports whether there was an invalid packet since it was asked last.
func (k *tracked) invalid(t *testing.T) bool {
	t.Helper()
	n, err := k.file.ReadAt(k.buf, 0)
	if n == 0 {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(k.buf[:n])), "\n")
	column := -1
	for i, name := range strings.Fields(lines[0]) {
		if name == "invalid" {
			column = i
		}
	}
	var sum uint64
	for _, line := range lines[1:] {
		one, err := strconv.ParseUint(strings.Fields(line)[column], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += one
	}
	before := k.last
	k.last = sum
	return sum != before
}
