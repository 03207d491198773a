package enforce

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/cmd/internal/host/links"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestKeeping: a device that the policy manages by an altname keeps it, until the device is
// gone, another one has the name, or the policy does not name it.
func TestKeeping(t *testing.T) {
	p := &policy.Policy{Interfaces: []policy.Interface{{Device: "lan"}, {Device: "eth1"},
		{Device: "e*"}}}
	for _, c := range []struct {
		what, before, now, want string
		kept                    bool
	}{
		{"nothing changed", "2 eth0 lan", "2 eth0 lan", "2 eth0 lan", false},
		{"lost", "2 eth0 lan", "2 eth0", "2 eth0 lan", true},
		{"lost with others left", "2 eth0 a lan", "2 eth0 x a", "2 eth0 a lan x", true},
		{"lost and renamed", "2 eth0 lan", "2 lan0", "2 lan0 lan", true},
		{"renamed to a name that is managed", "2 eth0 lan", "2 eth1", "2 eth1", false},
		{"given away", "2 eth0 lan; 3 x", "2 eth0; 3 x lan", "2 eth0; 3 x lan", false},
		{"another device's name", "2 eth0 lan; 3 x", "2 eth0; 3 lan", "2 eth0; 3 lan", false},
		{"the device is gone", "2 eth0 lan", "3 eth0", "3 eth0", false},
		{"not named", "2 eth0 wan", "2 eth0", "2 eth0", false},
		{"managed by its name", "2 eth1 lan", "2 eth1", "2 eth1", false},
	} {
		before, now := snapshotOf(c.before), snapshotOf(c.now)
		got, kept := keeping(before, now, p)
		if text := textOf(got); text != c.want || kept["lan"] != c.kept {
			t.Errorf("%s: %s, kept %v; want %s", c.what, text, kept, c.want)
		}
		if text := textOf(now); text != textOf(snapshotOf(c.now)) {
			t.Errorf("%s: what was read is changed: %s", c.what, text)
		}
	}
}

// snapshotOf has devices as "2 eth0 lan; 3 eth1": number, name and altnames.
func snapshotOf(text string) (s links.Snapshot) {
	for _, d := range strings.Split(text, "; ") {
		words := strings.Fields(d)
		s.Facts.Links = append(s.Facts.Links, member.Link{Index: uint32(words[0][0] - '0'),
			Name: words[1], Altnames: words[2:]})
	}
	return s
}

func textOf(s links.Snapshot) string {
	var all []string
	for _, l := range s.Facts.Links {
		words := append([]string{fmt.Sprint(l.Index), l.Name}, l.Altnames...)
		all = append(all, strings.Join(words, " "))
	}
	return strings.Join(all, "; ")
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
