package nft

import (
	"encoding/binary"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// runs interprets the program of a match as the kernel does, for a packet that is with a
// device.
func runs(t *testing.T, m *expr.Match, device uint32) bool {
	t.Helper()
	info := *m.Info.(*xt.Unknown)
	if m.Name != "bpf" || m.Rev != 0 || len(info) != lenBPFInfo {
		t.Fatalf("match %s, revision %d, %d bytes", m.Name, m.Rev, len(info))
	}
	n, a := int(binary.NativeEndian.Uint16(info)), uint32(0)
	if n > maxInstructions {
		t.Fatalf("%d instructions", n)
	}
	for pc := 0; pc < n; pc++ {
		b := info[offInstructions+8*pc:]
		k := binary.NativeEndian.Uint32(b[4:])
		switch code := binary.NativeEndian.Uint16(b); {
		case code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS && k == adIndex:
			a = device
		case code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K && a == k:
			pc += int(b[2])
		case code == unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K:
			pc += int(b[3])
		case code == unix.BPF_RET|unix.BPF_K:
			return k != 0
		default:
			t.Fatalf("instruction %d: code %#x, %#x", pc, code, k)
		}
	}
	t.Fatal("the program does not end")
	return false
}

// TestBridgedRules: the rules of a bridge pass what is with one of its ports, however many
// there are, and nothing else; without the match there are none.
func TestBridgedRules(t *testing.T) {
	for _, n := range []int{1, 2, portsOfMatch, portsOfMatch + 1, 3 * portsOfMatch} {
		p := plan(policy.FailDrop, "br0")
		b := Bridge{Name: "br0"}
		for i := range n {
			b.Ports = append(b.Ports, uint32(1000+2*i))
		}
		p.Bridges = []Bridge{b}
		passes := func(device uint32) bool {
			for _, r := range bridged(p) {
				match := r[len(r)-2].(*expr.Match)
				if v, ok := r[len(r)-1].(*expr.Verdict); !ok || v.Kind != expr.VerdictAccept {
					t.Fatalf("a rule ends in %+v", r[len(r)-1])
				}
				if runs(t, match, device) {
					return true
				}
			}
			return false
		}
		for i := range 2 * n {
			if got := passes(uint32(1000 + i)); got != (i%2 == 0) {
				t.Fatalf("%d ports: device %d passes: %v", n, 1000+i, got)
			}
		}
		if passes(0) || passes(uint32(1000+2*n)) {
			t.Fatalf("%d ports: a device that is no port passes", n)
		}
		rules := func(f features) int {
			for _, c := range layout(p, f) {
				if c.name == chainForward {
					return len(c.rules)
				}
			}
			return -1
		}
		want := (n + portsOfMatch - 1) / portsOfMatch
		if got := rules(features{port: true}) - rules(features{}); got != want {
			t.Errorf("%d ports: %d rules, want %d", n, got, want)
		}
	}
}
