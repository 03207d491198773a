package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// MaxDeviceName is the longest name of a Linux network device in bytes
// (IFNAMSIZ 16 with its closing zero, include/uapi/linux/if.h).
const MaxDeviceName = 15

// Loopback is the device that no policy manages: an interface in AWS never sees
// its machine's own traffic, and cutting it breaks the machine.
const Loopback = "lo"

// Matches reports whether the interface's Device, exact or with one trailing
// "*", names the device. None names the loopback device.
func (n *Interface) Matches(device string) bool {
	if device == Loopback {
		return false
	}
	if stem, glob := strings.CutSuffix(n.Device, "*"); glob {
		return strings.HasPrefix(device, stem)
	}
	return n.Device == device
}

// CompareDevices orders names and patterns by which governs a device that several
// match: an exact name goes before a pattern, a longer pattern before a shorter one.
// It is negative if a goes first.
func CompareDevices(a, b string) int {
	globA, globB := strings.HasSuffix(a, "*"), strings.HasSuffix(b, "*")
	switch {
	case !globA && globB:
		return -1
	case globA && !globB:
		return 1
	}
	return cmp.Compare(len(b), len(a))
}

// Match returns the place in p.Interfaces of the one that governs the device;
// it is false when none does.
func (p *Policy) Match(device string) (index int, ok bool) {
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		if n.Matches(device) && (!ok || CompareDevices(n.Device, p.Interfaces[index].Device) < 0) {
			index, ok = i, true
		}
	}
	return index, ok
}

// Devices answers what [Policy.Match] answers, for those who ask about many
// devices: it takes no longer with more interfaces. It is immutable.
type Devices struct {
	exact    map[string]int
	prefixes map[string]int // without the asterisk
}

// Devices indexes the interfaces of the policy by their devices.
func (p *Policy) Devices() Devices {
	d := Devices{exact: make(map[string]int), prefixes: make(map[string]int)}
	for i := range p.Interfaces {
		names, name := d.exact, p.Interfaces[i].Device
		if stem, glob := strings.CutSuffix(name, "*"); glob {
			names, name = d.prefixes, stem
		}
		if _, dup := names[name]; !dup {
			names[name] = i
		}
	}
	return d
}

// Match is [Policy.Match].
func (d Devices) Match(device string) (index int, ok bool) {
	if device == Loopback {
		return 0, false
	}
	if index, ok = d.exact[device]; ok {
		return index, true
	}
	if len(d.prefixes) == 0 {
		return 0, false
	}
	for n := len(device); n >= 0; n-- {
		if index, ok = d.prefixes[device[:n]]; ok {
			return index, true
		}
	}
	return 0, false
}

// CheckDevice says why a name or pattern cannot be that of a managed device
// (dev_valid_name, net/core/dev.c), nil when it can. The Problem has no Pos.
func CheckDevice(pattern string) *Problem {
	invalid := func(hint, format string, a ...any) *Problem {
		return &Problem{Field: "device", Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...),
			Hint: hint}
	}
	name, glob := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "":
		return invalid("the name of a network device, such as eth0", "the device is empty")
	case strings.Contains(name, "*"):
		return invalid("one * at the end stands for any rest", "device %s has a * that is not its end",
			quote(pattern))
	case len(name) > MaxDeviceName:
		return invalid(fmt.Sprintf("Linux allows %d bytes", MaxDeviceName),
			"device %s is longer than a device name can be",
			quote(pattern))
	case !glob && name == Loopback:
		return invalid("loopback traffic is never filtered", "device %q cannot be managed", name)
	case !glob && (name == "." || name == ".."):
		return invalid("", "%q is not a device name", name)
	}
	for _, c := range name {
		if c == '/' || c == ':' || c <= ' ' || c > '~' {
			return invalid("", "device %s has a character that device names cannot have: %q", quote(pattern),
				string(c))
		}
	}
	return nil
}
