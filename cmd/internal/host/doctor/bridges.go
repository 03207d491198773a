package doctor

import (
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// bridges is about frames that a bridge hands from port to port, which no group judges.
func (j *judge) bridges() {
	host, guest := j.managedBridges()
	if len(guest) > 0 {
		j.add("bridges", api.LevelNote, "give each guest a bridge, or a device, of its own",
			"the guests on %s reach one another without being judged: what stays on a bridge crosses no "+
				"device", strings.Join(guest, ", "))
	}
	if len(j.BridgeCalls) == 0 {
		return
	}
	what := strings.Join(j.BridgeCalls, ", ")
	switch {
	case len(host)+len(guest) == 0:
		j.add("bridges", api.LevelNote, "",
			"frames between the ports of a bridge go through the rules of iptables and nftables, too (%s); "+
				"sgfw manages no bridge", what)
	case j.FeaturesErr == nil && !j.Features.Bridged:
		j.add("bridges", api.LevelWarning, "load the module xt_bpf, or set these settings to 0",
			"frames between the ports of %s go through the rules of iptables and nftables, too (%s), and "+
				"this kernel cannot tell them there: each waits for a verdict, which passes it, and none "+
				"passes while the daemon is dead", strings.Join(slices.Concat(host, guest), ", "), what)
	default:
		j.add("bridges", api.LevelNote, "",
			"frames between the ports of %s go through the rules of iptables and nftables, too (%s); "+
				"sgfw's leave them alone", strings.Join(slices.Concat(host, guest), ", "), what)
	}
}

// managedBridges lists the bridges that the policy manages, by mode.
func (j *judge) managedBridges() (host, guest []string) {
	if j.Policy == nil {
		return nil, nil
	}
	for _, l := range j.Links {
		m := j.Masters[l.Name]
		i, managed := j.governed[m.Name]
		if m.Kind != "bridge" || !managed || slices.Contains(host, m.Name) ||
			slices.Contains(guest, m.Name) {
			continue
		}
		if j.Policy.Interfaces[i].Mode == policy.ModeGuest {
			guest = append(guest, m.Name)
		} else {
			host = append(host, m.Name)
		}
	}
	return host, guest
}
