package file

import (
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
)

// TestSalvage: what can be read without doubt is, and the rest is strict.
func TestSalvage(t *testing.T) {
	const drop, accept = policy.FailDrop, policy.FailAccept
	const eth0 = "interfaces: [{ device: eth0, mode: nosuch }]\n"
	gone := func(text string) string { return eth0 + "settings: { on_failure: { " + text + "} }" }
	for what, c := range map[string]struct {
		text    string
		gone    policy.FailAction
		all     bool
		devices string
	}{
		"nothing":           {"", drop, true, ""},
		"no YAML":           {"settings: { on_failure: { gone: accept } }\n\tx", drop, true, ""},
		"no mapping":        {"- 1", drop, true, ""},
		"a device":          {eth0, drop, false, "eth0"},
		"devices":           {"interfaces: [{ device: a }, { device: 'b*', x: 1 }]", drop, false, "a b*"},
		"no device":         {"interfaces: []", drop, false, ""},
		"no such list":      {"interfaces: { device: eth0 }", drop, true, ""},
		"an unnamed device": {"interfaces: [{ device: eth0 }, { devise: eth1 }]", drop, true, ""},
		"a bad name":        {"interfaces: [{ device: 'eth 0' }]", drop, true, ""},
		"two names":         {"interfaces: [{ device: eth0, device: eth1 }]", drop, true, ""},
		"an alias":          {"x: &a { device: eth0 }\ninterfaces: [*a]", drop, true, ""},
		"accept":            {gone("gone: accept "), accept, false, "eth0"},
		"drop":              {gone("gone: drop "), drop, false, "eth0"},
		"neither":           {gone("gone: accepted "), drop, false, "eth0"},
		"both":              {gone("gone: accept, gone: drop "), drop, false, "eth0"},
		"a list":            {gone("gone: [accept] "), drop, false, "eth0"},
		"a byte order mark": {"\uFEFF" + eth0, drop, false, "eth0"},
	} {
		got := Salvage([]byte(c.text))
		if got.Gone != c.gone || got.All != c.all || !slices.Equal(got.Devices,
			strings.Fields(c.devices)) && len(got.Devices)+len(c.devices) > 0 {
			t.Errorf("%s: %+v, want %v, all %t, %q", what, got, c.gone, c.all, c.devices)
		}
	}
}
