package netlab

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// baseSysctls make a host quiet and predictable, whatever the machine's own
// settings are: new namespaces inherit the IPv4 ones. Some are missing on older
// kernels, which is no error.
var baseSysctls = map[string]string{
	// No traffic of its own: addresses are usable at once, nobody is asked for a
	// prefix, and multicast reports go out within a few ticks.
	"net.ipv6.conf.all.accept_dad":                             "0",
	"net.ipv6.conf.default.accept_dad":                         "0",
	"net.ipv6.conf.default.router_solicitations":               "0",
	"net.ipv6.conf.default.accept_ra":                          "0",
	"net.ipv6.conf.default.autoconf":                           "0",
	"net.ipv6.conf.default.mldv2_unsolicited_report_interval":  "1",
	"net.ipv4.conf.default.igmpv3_unsolicited_report_interval": "1",
	"net.ipv4.igmp_qrv":                                        "1",
	// A router that sends redirects would change the paths of the test.
	"net.ipv4.conf.all.send_redirects":       "0",
	"net.ipv4.conf.default.send_redirects":   "0",
	"net.ipv4.conf.all.accept_redirects":     "0",
	"net.ipv4.conf.default.accept_redirects": "0",
	"net.ipv6.conf.all.accept_redirects":     "0",
	"net.ipv6.conf.default.accept_redirects": "0",
	// Spoofed packets reach the firewall, not the routing table's own check.
	"net.ipv4.conf.all.rp_filter":     "0",
	"net.ipv4.conf.default.rp_filter": "0",
	// Errors are never lost to a rate limit.
	"net.ipv4.icmp_ratelimit":    "0",
	"net.ipv4.icmp_msgs_per_sec": "1000000",
	"net.ipv4.icmp_msgs_burst":   "1000000",
	"net.ipv6.icmp.ratelimit":    "0",
	"net.ipv4.ip_forward":        "0",
}

// Sysctl reads one setting of the host, such as net.ipv4.ip_forward. Only
// settings under net are the host's own; all others are the machine's.
func (h *Host) Sysctl(key string) (string, error) {
	b, err := h.ReadFile(sysctlPath(key))
	if err != nil {
		return "", fmt.Errorf("netlab: host %s: sysctl %s: %w", h.name, key, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// SetSysctl writes one setting of the host. It refuses settings that are not
// under net: those would change the machine.
func (h *Host) SetSysctl(key, value string) error {
	path := sysctlPath(key)
	if !strings.HasPrefix(path, "/proc/sys/net/") || strings.Contains(path, "..") {
		return fmt.Errorf("netlab: host %s: sysctl %s is not the host's own", h.name, key)
	}
	err := h.Do(func() error { return writeSysctl(path, value) })
	if err != nil {
		return fmt.Errorf("netlab: host %s: sysctl %s=%s: %w", h.name, key, value, err)
	}
	return nil
}

// setBaseSysctls writes the settings of every host.
func (h *Host) setBaseSysctls(forward bool) error {
	set := maps.Clone(baseSysctls)
	if forward {
		set["net.ipv4.ip_forward"] = "1"
		set["net.ipv6.conf.all.forwarding"] = "1"
	}
	// In order, because writing ip_forward resets settings of conf.
	keys := slices.Sorted(maps.Keys(set))
	slices.Reverse(keys)
	return h.Do(func() error {
		for _, k := range keys {
			if err := writeSysctl(sysctlPath(k), set[k]); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("sysctl %s: %w", k, err)
			}
		}
		return nil
	})
}

// setSysctls writes those of set for which want holds, in the order of their keys.
func (h *Host) setSysctls(set map[string]string, want func(path string) bool) error {
	for _, k := range slices.Sorted(maps.Keys(set)) {
		if !want(sysctlPath(k)) {
			continue
		}
		if err := h.SetSysctl(k, set[k]); err != nil {
			return err
		}
	}
	return nil
}

// ofDevice tells whether path is a setting of one of the host's devices.
func (h *Host) ofDevice(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
		_, ok := h.devices[part]
		return ok
	})
}

// writeSysctl writes without the create and truncate flags of os.WriteFile:
// neither means anything here, and creating answers with a misleading error.
func writeSysctl(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// sysctlPath is the file of a setting written with dots, or with slashes as
// sysctl(8) allows.
func sysctlPath(key string) string {
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	return "/proc/sys/" + key
}
