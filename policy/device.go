package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxDeviceName is the longest name of a Linux network device in bytes
// (IFNAMSIZ 16 with its closing zero, include/uapi/linux/if.h).
const MaxDeviceName = 15

// MaxAltname is the longest altname of a device in bytes (ALTIFNAMSIZ 128 with its closing
// zero). No two devices of a machine have a name or an altname in common.
const MaxAltname = 127

// Loopback is the device that no policy manages: an interface in AWS never sees
// its machine's own traffic, and cutting it breaks the machine.
const Loopback = "lo"

// Matches reports whether the interface's Device, exact or with one trailing
// "*", names the device. An exact one may be an altname, a pattern is about names alone.
// None names the loopback device.
func (n *Interface) Matches(device string, altnames ...string) bool {
	if device == Loopback {
		return false
	}
	if stem, glob := strings.CutSuffix(n.Device, "*"); glob {
		return strings.HasPrefix(device, stem)
	}
	return n.Device == device || slices.Contains(altnames, n.Device)
}

// Calls is what the policy calls a device that the interface governs: its exact name or
// altname, or under a pattern the device's own name.
func (n *Interface) Calls(device string) string {
	if n.Pattern() {
		return device
	}
	return n.Device
}

// Pattern reports whether the interface's Device names any number of devices.
func (n *Interface) Pattern() bool { return strings.HasSuffix(n.Device, "*") }

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
// it is false when none does. See [Devices.Match].
func (p *Policy) Match(device string, altnames ...string) (index int, ok bool) {
	return p.Devices().Match(device, altnames...)
}

// Devices tells which interface of a policy governs a device. For those who ask about many
// devices it takes no longer with more interfaces. It is immutable.
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

// Match returns the place in Policy.Interfaces of the one that governs a device with
// these altnames; it is false when none does. The device's name goes first, then its
// altnames, of which the one that the policy names first counts, then patterns for the
// name.
func (d Devices) Match(device string, altnames ...string) (index int, ok bool) {
	if device == Loopback {
		return 0, false
	}
	if index, ok = d.exact[device]; ok {
		return index, true
	}
	for _, a := range altnames {
		if i, named := d.exact[a]; named && (!ok || i < index) {
			index, ok = i, true
		}
	}
	if ok || len(d.prefixes) == 0 {
		return index, ok
	}
	for n := len(device); n >= 0; n-- {
		if index, ok = d.prefixes[device[:n]]; ok {
			return index, true
		}
	}
	return 0, false
}

// CheckDevice says why a name, an altname or a pattern cannot be that of a managed device
// (dev_valid_name, net/core/dev.c), nil when it can. The Problem has no Pos.
//
// Linux allows an @, too, but no device is called e0@if7: that is how ip(8) shows a device
// and its peer.
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
			Quote(pattern))
	case glob && len(name) > MaxDeviceName, len(name) > MaxAltname:
		return invalid(fmt.Sprintf("Linux allows %d bytes, and %d in an altname, which no pattern covers",
			MaxDeviceName, MaxAltname), "device %s is longer than a device name can be", Quote(pattern))
	case !glob && name == Loopback:
		return invalid("loopback traffic is never filtered", "device %q cannot be managed", name)
	case !glob && (name == "." || name == ".."):
		return invalid("", "%q is not a device name", name)
	}
	for _, c := range name {
		if c == '/' || c == ':' || c <= ' ' || c > '~' {
			hint := ""
			if own, _, _ := strings.Cut(name, ":"); c == ':' && own != "" {
				hint = fmt.Sprintf("an alias is an address of its device: write %s", own)
			}
			return invalid(hint, "device %s has a character that device names cannot have: %q",
				Quote(pattern), string(c))
		}
	}
	if bad := shownByIP(name); bad != nil && bad.Severity == SeverityError {
		return bad
	}
	return nil
}

// shownByIP says that a name is as ip(8) shows it: "e0@if7" and "sit0@NONE", and perhaps
// "vlan5@e0", of which the Problem is a warning.
func shownByIP(name string) *Problem {
	own, peer, found := strings.Cut(name, "@")
	if !found || own == "" {
		return nil
	}
	p := &Problem{Field: "device", Severity: SeverityWarning,
		Message: fmt.Sprintf("device %s is written as ip shows it", Quote(name)),
		Hint:    fmt.Sprintf("write %s; what follows @ is the peer", own)}
	number, numbered := strings.CutPrefix(peer, "if")
	if _, err := strconv.ParseUint(number, 10, 32); peer == "NONE" || numbered && err == nil {
		p.Severity, p.Code = SeverityError, InvalidParameterValue
	}
	return p
}
