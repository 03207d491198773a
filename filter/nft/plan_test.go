package nft

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
)

// longName is an altname that is longer than a name can be.
const longName = "enP65535p255s255f255n0np0"

func TestPlanValidate(t *testing.T) {
	good := Plan{Devices: []Device{
		{Name: "eth0"}, {Name: "veth-*", Mode: policy.ModeGuest}, {Name: "*"}, {Name: "fifteen-letters"},
		{Name: longName, Number: 3},
		{Name: "fourteen-bytes*"}}, QueueBase: 4270, QueueCount: 8}
	if err := good.Validate(); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	if err := (Plan{QueueBase: 65535, QueueCount: 1, Gone: policy.FailAccept}).Validate(); err != nil {
		t.Errorf("the last queue: %v", err)
	}
	for _, c := range []struct {
		want   string
		change func(*Plan)
	}{
		{"device is empty", func(p *Plan) { p.Devices[0].Name = "" }},
		{"longer than a device name", func(p *Plan) { p.Devices[0].Name = "sixteen-letters-*" }},
		{"longer than a device name", func(p *Plan) { p.Devices[0].Name = strings.Repeat("a", 128) }},
		{"not its end", func(p *Plan) { p.Devices[0].Name = "e*h0" }},
		{"not its end", func(p *Plan) { p.Devices[0].Name = "eth**" }},
		{"cannot have", func(p *Plan) { p.Devices[0].Name = "eth 0" }},
		{"cannot be managed", func(p *Plan) { p.Devices[0].Name = "lo" }},
		{"unknown mode", func(p *Plan) { p.Devices[0].Mode = 2 }},
		{"listed twice", func(p *Plan) { p.Devices[0].Name = "*" }},
		{"number 7 is listed twice", func(p *Plan) { p.Devices[0].Number, p.Devices[3].Number = 7, 7 }},
		{"has no number", func(p *Plan) { p.Devices[2].Number = 7 }},
		{"more than 100", func(p *Plan) {
			for i := range maxOtherwise + 1 {
				p.Devices = append(p.Devices,
					Device{Name: fmt.Sprint("lan", i), Number: uint32(i + 1), View: policy.ViewWire})
			}
		}},
		{"queue base 0", func(p *Plan) { p.QueueBase = 0 }},
		{"at least one queue", func(p *Plan) { p.QueueCount = 0 }},
		{"last number is 65535", func(p *Plan) { p.QueueBase = 65530 }},
		{"unknown action", func(p *Plan) { p.Gone = 2 }},
	} {
		bad := good.clone()
		c.change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	// All that is wrong, at once.
	err := Plan{Devices: []Device{{Name: "lo"}, {}}}.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three faults: %v", err)
	}
}

// TestPrecedence: of the devices that match, the exact name comes first and then
// the longer prefix, whatever the order of the plan.
func TestPrecedence(t *testing.T) {
	p := plan(policy.FailDrop, "*", "veth-*", "eth0", "v*", "veth-a", "veth-a*")
	var got []string
	for _, d := range p.byPrecedence() {
		got = append(got, d.Name)
	}
	if want := strings.Fields("veth-a eth0 veth-a* veth-* v* *"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if p.Devices[0].Name != "*" {
		t.Error("the plan itself was changed")
	}
}

// plan queues packets of devices to queues that nobody answers.
func plan(gone policy.FailAction, devices ...string) Plan {
	p := Plan{QueueBase: 4270, QueueCount: 2, Balance: policy.BalanceHash, Gone: gone}
	for _, d := range devices {
		p.Devices = append(p.Devices, Device{Name: d})
	}
	return p
}
