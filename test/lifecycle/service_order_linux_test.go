package lifecycle

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestServiceOrder: the unit enforces before any network is configured, and starts anew
// however it ended, but for a refusal that would lock somebody out later.
func TestServiceOrder(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(serviceFile)
	if err != nil {
		t.Fatal(err)
	}
	words := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key[0] != '#' {
			words[key] = append(words[key], strings.Fields(value)...)
		}
	}
	for key, want := range map[string][]string{
		"DefaultDependencies":      {"no"},
		"Before":                   {"network-pre.target", "shutdown.target"},
		"Wants":                    {"network-pre.target"},
		"WantedBy":                 {"sysinit.target"},
		"Type":                     {"notify"},
		"Restart":                  {"on-failure"},
		"StartLimitIntervalSec":    {"0"},
		"RestartPreventExitStatus": {"5"},
		"ConditionPathExists":      {"|/etc/sgfw/sgfw.yaml"},
		"ConditionPathExistsGlob":  {"|/var/lib/sgfw/good-*.json"},
	} {
		if !slices.Equal(words[key], want) {
			t.Errorf("%s=%q, want %q", key, words[key], want)
		}
	}
	for _, key := range []string{"After", "Requires"} {
		for _, unit := range words[key] {
			if strings.Contains(unit, "network") {
				t.Errorf("%s=%s: the policy would wait for the network", key, unit)
			}
		}
	}
}
