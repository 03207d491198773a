package enforce

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/cmd/internal/host/links"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestAbsent: a few devices that do not exist are named where they stand, many in
// one line.
func TestAbsent(t *testing.T) {
	facts := links.Snapshot{Facts: member.Facts{
		Links: []member.Link{{Name: "tap0"}, {Name: "veth-7"}}}}
	for n, want := range map[int]int{1: 0, 2: 1, 1 + maxAbsent: maxAbsent, 2 + maxAbsent: 1, 1000: 1} {
		p := &policy.Policy{Interfaces: []policy.Interface{{Device: "veth-*"}}}
		for i := range n {
			p.Interfaces = append(p.Interfaces, policy.Interface{Device: fmt.Sprint("tap", i)})
		}
		got := absent(p, facts)
		if len(got) != want {
			t.Errorf("%d devices: %d notices, want %d", n, len(got), want)
		}
		if text := fmt.Sprint(got); strings.Contains(text, "tap0 ") || strings.Contains(text, "tap0,") ||
			strings.Contains(text, "veth") {
			t.Errorf("a device that exists is said to be absent: %s", text)
		}
		if text := fmt.Sprint(got); n == 1000 &&
			!strings.Contains(text, "tap1, tap2, tap3, tap4, tap5 and 994 others") {
			t.Error(text)
		}
	}
}

// TestMistaken: this machine's own addresses are no guest's.
func TestMistaken(t *testing.T) {
	gateway, guest := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.10")
	facts := links.Snapshot{Facts: member.Facts{
		Links: []member.Link{{Name: "tap0", Addresses: []netip.Addr{gateway}}}}}
	for _, c := range []struct {
		mode    policy.Mode
		address netip.Addr
		want    int
	}{{policy.ModeGuest, gateway, 1}, {policy.ModeGuest, guest, 0}, {policy.ModeHost, gateway, 0}} {
		p := &policy.Policy{Interfaces: []policy.Interface{
			{Device: "tap0", Mode: c.mode, Addresses: []netip.Addr{c.address}}}}
		if got := mistaken(p, facts); len(got) != c.want || c.want == 1 &&
			got[0].Severity != policy.SeverityWarning {
			t.Errorf("mode %s, %s: %v", c.mode, c.address, got)
		}
	}
}

// TestBridgesOnWire: a bridge whose frames come to the hooks is named where prerouting
// would judge them.
func TestBridgesOnWire(t *testing.T) {
	bridges := []nft.Bridge{{Name: "br0", Ports: []uint32{3}}}
	for _, c := range []struct {
		view    policy.View
		bridges []nft.Bridge
		want    int
	}{{policy.ViewWire, bridges, 1}, {policy.ViewWire, nil, 0}, {policy.ViewLocal, bridges, 0}} {
		p := &policy.Policy{Interfaces: []policy.Interface{{Device: "br*", View: c.view}}}
		if got := bridgesOnWire(p, c.bridges); len(got) != c.want || c.want == 1 &&
			got[0].Severity != policy.SeverityWarning {
			t.Errorf("view %s, %v: %v", c.view, c.bridges, got)
		}
	}
}
