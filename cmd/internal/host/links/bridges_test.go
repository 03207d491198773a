package links

import "testing"

// TestCallsOf: a setting of the namespace is about every bridge, one of a bridge about it.
func TestCallsOf(t *testing.T) {
	const all, single = "net.bridge.bridge-nf-call-iptables",
		"/sys/class/net/br1/bridge/nf_call_iptables"
	for _, c := range []struct {
		bridge string
		calls  []string
		want   int
	}{
		{"br0", nil, 0}, {"br0", []string{all}, 1}, {"br0", []string{single}, 0},
		{"br1", []string{single}, 1}, {"br1", []string{all, single}, 2}, {"br", []string{single}, 0},
	} {
		if got := callsOf(c.bridge, c.calls); len(got) != c.want {
			t.Errorf("%s, %v: %v", c.bridge, c.calls, got)
		}
	}
}
