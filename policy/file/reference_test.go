package file

import (
	"slices"
	"testing"
)

// TestReference: the description has exactly the keys that the file takes, in
// the same order.
func TestReference(t *testing.T) {
	keys := map[string][]string{
		"":                         policyKeys,
		"prefix_lists[]":           listKeys,
		"prefix_lists[].entries[]": entryKeys,
		"security_groups[]":        groupKeys,
		"security_groups[].ingress[] and egress[]": ruleKeys,
		"default_security_group":                   defaultKeys,
		"interfaces[]":                             interfaceKeys,
		"interfaces[].connection_tracking":         trackingKeys,
		"peers[]":                                  peerKeys,
		"quotas":                                   quotasKeys,
		"settings":                                 settingsKeys,
		"settings.failsafe":                        failsafeKeys,
		"settings.on_failure":                      failureKeys,
		"settings.queues":                          queuesKeys,
	}
	for _, p := range Reference() {
		want, ok := keys[p.Path]
		if !ok {
			t.Errorf("the file has no part %q", p.Path)
			continue
		}
		delete(keys, p.Path)
		var got []string
		for _, k := range p.Keys {
			got = append(got, k.Name)
			if k.Value == "" || k.Text == "" {
				t.Errorf("%s: %s is not described", p.Path, k.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: keys %v, the file takes %v", p.Path, got, want)
		}
	}
	for path := range keys {
		t.Errorf("part %q is not described", path)
	}
}
