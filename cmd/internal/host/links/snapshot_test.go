package links

import (
	"net/netip"
	"testing"

	"sgfw/policy/member"
)

func TestKeeps(t *testing.T) {
	address := func(a string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(a)} }
	was := Snapshot{Facts: member.Facts{Links: []member.Link{
		{Name: "eth0", Index: 2, Addresses: address("192.0.2.1")}, {Name: "veth1", Index: 7}}}}
	for _, c := range []struct {
		keeps bool
		name  string
		now   []member.Link
	}{
		{true, "the same", was.Facts.Links},
		{true, "one more", append([]member.Link{{Name: "veth2", Index: 8}}, was.Facts.Links...)},
		{true, "one less", was.Facts.Links[:1]},
		{true, "one instead of another", []member.Link{was.Facts.Links[0], {Name: "veth1", Index: 9}}},
		{false, "another name", []member.Link{{Name: "eth1", Index: 2, Addresses: address("192.0.2.1")}}},
		{false, "another address", []member.Link{
			{Name: "eth0", Index: 2, Addresses: address("192.0.2.9")}}},
		{false, "another device with the number", []member.Link{{Name: "veth9", Index: 7}}},
		{false, "another altname", []member.Link{{Name: "veth1", Altnames: []string{"lab"}, Index: 7}}},
	} {
		if got := was.Keeps(Snapshot{Facts: member.Facts{Links: c.now}}); got != c.keeps {
			t.Errorf("%s: keeps = %v", c.name, got)
		}
	}
	for _, c := range []struct {
		reuses  bool
		name    string
		index   uint32
		highest uint32
	}{{false, "a device that was there", 2, 9}, {false, "a new number", 10, 9},
		{true, "the number of one that went", 9, 9}, {true, "a lower one", 5, 9}} {
		now := Snapshot{Facts: member.Facts{Links: []member.Link{{Name: "veth3", Index: c.index}}}}
		if got := was.Reuses(now, c.highest); got != c.reuses {
			t.Errorf("%s: reuses = %v", c.name, got)
		}
	}
	if n := was.Highest(); n != 7 {
		t.Errorf("the highest number is %d", n)
	}
	enslaved := Snapshot{Facts: was.Facts, Masters: map[string]member.Master{"veth1": {Name: "br0"}}}
	if was.Keeps(enslaved) {
		t.Error("a device that became a port is taken for what it was")
	}
}
