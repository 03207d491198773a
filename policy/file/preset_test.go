package file

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/test/parity"
)

// TestPresets: a preset is exactly the keys that it stands for, on every interface, and
// what is written beside it wins (T8, T24, X8, §3.3).
func TestPresets(t *testing.T) {
	parity.Proves(t, "T8", "X8", "timer tcp established")
	in := func(settings, timers string) *policy.Policy {
		p, problems, err := Parse("", []byte("version: 1\ninterfaces:\n  - { device: eth0 }\n"+
			"  - { device: eth1, connection_tracking: {"+timers+"} }\n"+
			"  - { device: eth2, view: local }\n  - { device: eth3, view: wire }\n"+
			"settings: {"+settings+"}\n"))
		if err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v", settings, problems)
		}
		return p
	}
	const aws = "tracking: aws, icmp_errors: rules, exempt: [resolvers, metadata, time]"
	for _, tt := range []struct {
		preset, beside, timers string
		// keys say the same without the preset.
		keys        string
		established [2]int // seconds, on eth0 and eth1
		departures  string
	}{
		{"none", "", "", "", [2]int{432000, 432000}, ""},
		{"aws", "", "", aws, [2]int{432000, 432000}, "view of eth2"},
		{"aws-nitro-v6", "", "", aws, [2]int{350, 350}, "view of eth2"},
		{"aws-nitro-v6", aws, "tcp_established_timeout: 350, udp_timeout: 30", aws, [2]int{350, 350},
			"view of eth2"},
		{"aws-nitro-v6", "tracking: always", "tcp_established_timeout: 60",
			"icmp_errors: rules, exempt: [resolvers, metadata, time]", [2]int{350, 60},
			"tcp_established_timeout of eth1, view of eth2, tracking"},
		{"aws", "icmp_errors: related, exempt: []", "udp_stream_timeout: 60", "tracking: aws",
			[2]int{432000, 432000},
			"udp_stream_timeout of eth1, view of eth2, icmp_errors, exempt"},
		{"aws", "exempt: [time], max_flows: 7", "",
			"tracking: aws, icmp_errors: rules, exempt: [time], max_flows: 7", [2]int{432000, 432000},
			"view of eth2, exempt"},
	} {
		settings := "preset: " + tt.preset
		if tt.beside != "" {
			settings += ", " + tt.beside
		}
		p, same := in(settings, tt.timers), in(tt.keys, "")
		got, want := p.Settings, same.Settings
		got.Preset, want.Preset = policy.NoPreset, policy.NoPreset
		if got != want {
			t.Errorf("%s: settings %+v, want %+v", settings, got, want)
		}
		for i, want := range tt.established {
			if got := p.Interfaces[i].Timeouts.TCPEstablished; got != time.Duration(want)*time.Second {
				t.Errorf("%s: tcp_established_timeout %v, want %d s", settings, got, want)
			}
		}
		view := policy.ViewLocal
		if tt.preset != "none" {
			view = policy.ViewWire
		}
		for i, want := range []policy.View{view, view, policy.ViewLocal, policy.ViewWire} {
			if got := p.Interfaces[i].View; got != want {
				t.Errorf("%s: view %v of eth%d, want %v", settings, got, i, want)
			}
		}
		if got := strings.Join(p.Departures(), ", "); got != tt.departures {
			t.Errorf("%s: departs with %q, want %q", settings, got, tt.departures)
		}
	}
	from, to := in("", ""), in("preset: aws-nitro-v6", "")
	var changes []string
	for _, c := range policy.Diff(from, to) {
		changes = append(changes, c.String())
	}
	for _, want := range []string{
		"~ device eth0: tcp_established_timeout 432000 s → 350 s",
		"~ settings: preset none → aws-nitro-v6",
		"~ settings: tracking always → aws", "~ settings: icmp_errors related → rules",
	} {
		if !slices.Contains(changes, want) {
			t.Errorf("a reload says\n%s\nand not %s", strings.Join(changes, "\n"), want)
		}
	}
}
