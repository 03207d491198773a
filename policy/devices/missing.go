package devices

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/member"
)

// maxNamed bounds the devices that are named one by one.
const maxNamed = 5

// made are the beginnings of the names of devices that programs make while the machine
// runs. That one of them is not there says little.
var made = []string{"tap", "tun", "veth", "vnet", "vif", "wg", "ppp", "docker", "br-", "virbr",
	"cni", "podman", "lxc", "lxdbr", "incusbr"}

// Later reports whether nobody need wonder that no device of the interface is there: it has
// a guest behind it, or a name as programs give it.
func Later(n *policy.Interface) bool {
	return n.Mode == policy.ModeGuest || comesAndGoes(n.Device)
}

func comesAndGoes(name string) bool {
	return slices.ContainsFunc(made,
		func(start string) bool { return strings.HasPrefix(name, start) })
}

// Absent returns the places in p.Interfaces of those that name no device of the machine,
// neither by its name nor by an altname.
func Absent(p *policy.Policy, f member.Facts) (out []int) {
	names := make(map[string]bool)
	for _, l := range f.Links {
		for _, name := range namesOf(l) {
			names[name] = true
		}
	}
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		there := names[n.Device]
		if n.Pattern() {
			there = slices.ContainsFunc(f.Links,
				func(l member.Link) bool { return n.Matches(l.Name) })
		}
		if !there {
			out = append(out, i)
		}
	}
	return out
}

// namesOf are the name and the altnames of a device.
func namesOf(l member.Link) []string { return append([]string{l.Name}, l.Altnames...) }

// Missing says of the interfaces that filter nothing that their device is not there: a
// warning with what may have been meant or, where the device may well come [Later], a
// notice. Many are told in one problem. The positions are those of the interfaces.
func Missing(p *policy.Policy, f member.Facts) policy.Problems {
	all := Absent(p, f)
	var unknown, expected []*policy.Interface
	for _, i := range all {
		if n := &p.Interfaces[i]; Later(n) {
			expected = append(expected, n)
		} else {
			unknown = append(unknown, n)
		}
	}
	effect := ""
	if len(all) == len(p.Interfaces) {
		effect = "nothing is filtered"
	}
	return append(unknownDevices(unknown, effect, guesser{p, f}), expectedDevices(expected)...)
}

// unknownDevices are the warnings. effect is what comes of it that none of them is there,
// "" where others are.
func unknownDevices(list []*policy.Interface, effect string, guess guesser) (out policy.Problems) {
	if n := len(list); n > maxNamed {
		if effect == "" {
			effect = fmt.Sprintf("%d interfaces filter nothing", n)
		}
		return policy.Problems{{
			Pos: policy.Pos{File: list[0].Pos.File}, Field: "interfaces",
			Severity: policy.SeverityWarning,
			Message:  fmt.Sprintf("%s: no devices %s", effect, listed(namesIn(list))),
			Hint:     guess.there(),
		}}
	}
	for _, n := range list {
		what := effect
		if what == "" {
			what = fmt.Sprintf("interface %s filters nothing", n.Device)
		}
		out = append(out, policy.Problem{
			Pos: n.Pos, Field: "device", Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("%s: no device %s", what, n.Device), Hint: guess.hint(n),
		})
	}
	return out
}

// expectedDevices are the notices.
func expectedDevices(list []*policy.Interface) (out policy.Problems) {
	if len(list) > maxNamed {
		return policy.Problems{{
			Pos: policy.Pos{File: list[0].Pos.File}, Field: "interfaces",
			Severity: policy.SeverityNotice,
			Message: fmt.Sprintf("no devices %s yet: each is filtered as soon as it appears",
				listed(namesIn(list))),
		}}
	}
	for _, n := range list {
		out = append(out, policy.Problem{
			Pos: n.Pos, Field: "device", Severity: policy.SeverityNotice,
			Message: fmt.Sprintf("no device %s yet: it is filtered as soon as it appears",
				n.Device),
		})
	}
	return out
}

// namesIn are the devices of a list.
func namesIn(list []*policy.Interface) (names []string) {
	for _, n := range list {
		names = append(names, n.Device)
	}
	return names
}
