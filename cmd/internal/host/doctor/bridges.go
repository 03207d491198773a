package doctor

import (
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
	"sgfw/policy/devices"
)

// bridges is about frames that a bridge hands from port to port, which no group judges but
// where the view is that of the wire.
func (j *judge) bridges() {
	if !j.haveBridges() {
		return
	}
	apart, onWire := j.managedBridges()
	if len(onWire) > 0 {
		for _, w := range devices.BridgesOnWire(j.Policy, j.facts(), onWire) {
			if !j.said(w.Message) { // the daemon warns of it, too
				j.add("bridges", api.LevelWarning, w.Hint, "%s", w.Message)
			}
		}
	}
	if guests := j.guests(apart); len(guests) > 0 {
		j.add("bridges", api.LevelNote, "give each guest a bridge, or a device, of its own",
			"the guests on %s reach one another without being judged: what stays on a bridge crosses no "+
				"device", strings.Join(guests, ", "))
	}
	if len(j.BridgeCalls) == 0 {
		return
	}
	what := strings.Join(j.BridgeCalls, ", ")
	filters := slices.DeleteFunc(slices.Clone(apart),
		func(b string) bool { return !slices.Contains(j.Filtering, b) })
	names := strings.Join(filters, ", ")
	switch {
	case len(apart)+len(onWire) == 0:
		j.add("bridges", api.LevelNote, "",
			"frames between the ports of a bridge go through the rules of iptables and nftables, too (%s); "+
				"sgfw manages no bridge", what)
	case len(filters) == 0:
	case j.FeaturesErr == nil && !j.Features.Bridged:
		j.add("bridges", api.LevelWarning, "load the module xt_bpf, or set these settings to 0",
			"frames between the ports of %s go through the rules of iptables and nftables, too (%s), and "+
				"this kernel cannot tell them there: each waits for a verdict, which passes it, and none "+
				"passes while the daemon is dead", names, what)
	default:
		j.add("bridges", api.LevelNote, "",
			"frames between the ports of %s go through the rules of iptables and nftables, too (%s); "+
				"sgfw's leave them alone", names, what)
	}
}

// haveBridges reports whether the machine has a bridge with ports.
func (j *judge) haveBridges() bool {
	for _, m := range j.Masters {
		if m.Kind == "bridge" {
			return true
		}
	}
	return false
}

// said reports whether a finding says this already.
func (j *judge) said(message string) bool {
	return slices.ContainsFunc(j.out, func(f api.Finding) bool { return f.Message == message })
}

// managedBridges lists the bridges that the policy manages: those whose frames are left
// alone, and those that the view of the wire shows them of.
func (j *judge) managedBridges() (apart, onWire []string) {
	if j.Policy == nil {
		return nil, nil
	}
	for _, l := range j.Links {
		m := j.Masters[l.Name]
		i, managed := j.governed[m.Name]
		if m.Kind != "bridge" || !managed || slices.Contains(apart, m.Name) ||
			slices.Contains(onWire, m.Name) {
			continue
		}
		if j.Policy.Interfaces[i].View == policy.ViewWire && slices.Contains(j.Filtering, m.Name) {
			onWire = append(onWire, m.Name)
		} else {
			apart = append(apart, m.Name)
		}
	}
	return apart, onWire
}

// guests are those of the managed devices behind which guests are.
func (j *judge) guests(managed []string) (out []string) {
	for _, name := range managed {
		if j.Policy.Interfaces[j.governed[name]].Mode == policy.ModeGuest {
			out = append(out, name)
		}
	}
	return out
}
