package replay_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/pcap"
	"sgfw/cmd/internal/replay"
)

// TestManyDevices: however many devices come and go, and however often their addresses change,
// what is written can be read, each packet at its device or at none.
func TestManyDevices(t *testing.T) {
	var file bytes.Buffer
	w, err := replay.NewWriter(&file, "test", 64, ruleName)
	if err != nil {
		t.Fatal(err)
	}
	write := func(p api.CapturePart) {
		t.Helper()
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	const devices = pcap.MaxInterfaces + 100
	name := func(i int) string { return fmt.Sprintf("veth%d", i) }
	address := func(low int) []netip.Prefix {
		return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(low >> 8),
			byte(low)}), 24)}
	}
	for i := range devices {
		for range 2 { // one that comes back is no other one
			write(api.CapturePart{Type: api.CaptureDevice, Device: name(i), Addresses: address(i)})
		}
		write(api.CapturePart{Type: api.CapturePacket, In: name(i), Hook: 1,
			Data:    []byte{0x45, 0},
			Verdict: &api.LogRecord{Time: begin, Verdict: "drop", Reason: "no-rule", Length: 99}})
		write(api.CapturePart{Type: api.CaptureDevice, Device: name(0), Addresses: address(i / 64)})
	}

	r, err := pcap.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for i := range devices {
		p, err := r.Next()
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		switch got := r.Interface(p.Interface).Name; got {
		case name(i):
			if named++; named != i+1 {
				t.Fatalf("packet %d is at %s, and an earlier one at no device", i, got)
			}
		case "":
		default:
			t.Fatalf("packet %d of %s is at %s", i, name(i), got)
		}
		if n, err := replay.ParseNote(p.Comment); err != nil || n == nil || n.In != name(i) {
			t.Fatalf("packet %d: %q", i, p.Comment)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the last packet: %v", err)
	}
	changes := devices / 64 // at most, of the first device
	if all := len(r.Interfaces()); all != pcap.MaxInterfaces ||
		named < all-1-changes-1 || named == devices {
		t.Errorf("%d devices are in the file, and %d packets at their own", all, named)
	}
}
