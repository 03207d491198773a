package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestCaptureTellsDevices: a capture tells each device once and again when its addresses
// change, and remembers none that is gone.
func TestCaptureTellsDevices(t *testing.T) {
	link := func(name string, index uint32, address string) member.Link {
		return member.Link{Name: name, Index: index,
			Addresses: []netip.Addr{netip.MustParseAddr(address)}}
	}
	rs := filter.Compile(&policy.Policy{}, nil)
	e := filter.NewEngine(filter.Config{MaxFlows: 10}, rs)
	c := newCapturing(e)
	for i, step := range []struct {
		links []member.Link
		told  []string
	}{
		{[]member.Link{link("b", 3, "192.0.2.3"), link("a", 2, "192.0.2.2")}, []string{"a", "b"}},
		{[]member.Link{link("a", 2, "192.0.2.2"), link("b", 3, "192.0.2.4")}, []string{"b"}},
		{[]member.Link{link("a", 2, "192.0.2.2")}, nil},
		{[]member.Link{link("a", 2, "192.0.2.2"), link("b", 5, "192.0.2.4")}, []string{"b"}},
	} {
		e.Publish(rs.WithLinks(step.links))
		c.parts = nil
		c.meet()
		var told []string
		for _, p := range c.parts {
			if p.Type == api.CaptureDevice {
				told = append(told, p.Device)
			}
		}
		if !slices.Equal(told, step.told) || len(c.told) != len(step.links) {
			t.Errorf("step %d: told %q, want %q; %d are remembered", i, told, step.told, len(c.told))
		}
	}
}
