package links

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// BridgeCalls lists the settings that are on and send bridged frames through the IP hooks
// (K27): those of the calling thread's network namespace, which are about every bridge, and
// those of single bridges. There are none where br_netfilter is not loaded.
func BridgeCalls() (out []string) {
	for _, key := range []string{"iptables", "ip6tables"} {
		if on("/proc/sys/net/bridge/bridge-nf-call-" + key) {
			out = append(out, "net.bridge.bridge-nf-call-"+key)
		}
		single, _ := filepath.Glob("/sys/class/net/*/bridge/nf_call_" + key)
		for _, path := range single {
			if on(path) {
				out = append(out, path)
			}
		}
	}
	return out
}

// callsOf are those of the settings that [BridgeCalls] lists which are about a bridge.
func callsOf(bridge string, calls []string) (out []string) {
	for _, c := range calls {
		if !strings.HasPrefix(c, "/") || strings.HasPrefix(c, "/sys/class/net/"+bridge+"/") {
			out = append(out, c)
		}
	}
	return out
}

// on reports whether a file of a setting is there and does not say 0.
func on(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(b)) != "0"
}

// Filtering are the bridges whose frames come to the IP hooks at this moment, by name.
func (s Snapshot) Filtering() []string {
	bridges := s.Bridges()
	if len(bridges) == 0 {
		return nil
	}
	calls := BridgeCalls()
	return slices.DeleteFunc(bridges, func(b string) bool { return len(callsOf(b, calls)) == 0 })
}
