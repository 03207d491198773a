package conntrack

import (
	"testing"
	"unsafe"
)

// TestSizes: the memory layout relies on these sizes.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("a 64-bit layout")
	}
	if n := unsafe.Sizeof(Flow{}); n != 112 {
		t.Errorf("an entry has %d bytes, want 112", n)
	}
	if n := unsafe.Sizeof(slab{}); n > 4096 || n+unsafe.Sizeof(Flow{}) <= 4096 {
		t.Errorf("a slab has %d bytes, want as many entries as 4096 holds", n)
	}
	if n := unsafe.Sizeof(shard{}); n%128 != 0 {
		t.Errorf("a shard has %d bytes, want a multiple of 128", n)
	}
}
