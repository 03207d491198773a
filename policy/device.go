package policy

import (
	"fmt"
	"strings"
)

// MaxDeviceName is the longest name of a Linux network device in bytes
// (IFNAMSIZ 16 with its closing zero, include/uapi/linux/if.h).
const MaxDeviceName = 15

// Loopback is the device that no policy manages: an interface in AWS never sees
// its machine's own traffic, and cutting it breaks the machine.
const Loopback = "lo"

// MatchDevice reports whether a pattern, exact or with one trailing "*", names
// the device. No pattern names the loopback device.
func MatchDevice(pattern, device string) bool {
	if device == Loopback {
		return false
	}
	if stem, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(device, stem)
	}
	return pattern == device
}

// Match returns the place in p.Interfaces of the one that governs the device:
// an exact name before a pattern, a longer pattern before a shorter. It is
// false when none does.
func (p *Policy) Match(device string) (index int, ok bool) {
	best := ""
	for i := range p.Interfaces {
		pattern := p.Interfaces[i].Device
		if !MatchDevice(pattern, device) {
			continue
		}
		if !strings.HasSuffix(pattern, "*") {
			return i, true
		}
		if !ok || len(pattern) > len(best) {
			index, best, ok = i, pattern, true
		}
	}
	return index, ok
}

// checkDevice says why a pattern cannot name a device (dev_valid_name,
// net/core/dev.c), nil when it can.
func checkDevice(pattern string) *Problem {
	invalid := func(hint, format string, a ...any) *Problem {
		return &Problem{Field: "device", Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...), Hint: hint}
	}
	name, glob := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "":
		return invalid("the name of a network device, such as eth0", "the device is empty")
	case strings.Contains(name, "*"):
		return invalid("one * at the end stands for any rest", "device %s has a * that is not its end", quote(pattern))
	case len(name) > MaxDeviceName:
		return invalid("Linux allows 15 bytes", "device %s is longer than a device name can be", quote(pattern))
	case !glob && name == Loopback:
		return invalid("loopback traffic is never filtered", "device %q cannot be managed", name)
	case !glob && (name == "." || name == ".."):
		return invalid("", "%q is not a device name", name)
	}
	for _, c := range name {
		if c == '/' || c == ':' || c <= ' ' || c > '~' {
			return invalid("", "device %s has a character that device names cannot have: %q", quote(pattern), c)
		}
	}
	return nil
}
