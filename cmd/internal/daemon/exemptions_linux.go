package daemon

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/cmd/internal/control"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/policy"
)

// unfiltered is what no rule of ours ever sees.
var unfiltered = []control.Exemption{
	{Name: "loopback", Kind: control.KindLifeLine, State: control.ExemptionAlways, In: "lo, the machine's traffic with its own addresses", Out: "the same"},
	{Name: "arp", Kind: control.KindLifeLine, State: control.ExemptionAlways, In: "ARP and all else that is not IP", Out: "the same"},
}

// exemptions lists what passes whatever the rules say, and what could; the caller
// holds mu.
func (d *daemon) exemptions() []control.Exemption {
	out := slices.Clone(unfiltered)
	s := d.current.policy.Settings
	// A damaged table has none, which degraded says.
	counters, err := d.table.Counters()
	missing := d.table.Facts().Missing
	for _, info := range nft.LifeLines() {
		x := control.Exemption{Name: string(info.Name), Kind: control.KindLifeLine, State: control.ExemptionOn, In: info.In, Out: info.Out}
		switch {
		case slices.ContainsFunc(slices.Collect(s.CutLifeLines.All()), func(l policy.LifeLine) bool { return l.String() == x.Name }):
			x.State = control.ExemptionOff
		case slices.Contains(missing, info.Name):
			x.State = control.ExemptionMissing
		}
		if c, ok := counters[x.Name]; ok && err == nil {
			x.Packets = &c.Packets
		}
		out = append(out, x)
	}
	passed := d.engine.Counts()
	for _, e := range d.engine.Ruleset().Exempt() {
		x := control.Exemption{
			Name: e.Exemption.String(), Kind: control.KindService, State: control.ExemptionOff,
			Addresses: []string{}, Packets: new(uint64),
		}
		if e.On {
			x.State = control.ExemptionOn
		}
		var protocols []string
		for _, p := range e.Exemption.Protocols() {
			protocols = append(protocols, strings.ToUpper(p.String()))
		}
		ports := fmt.Sprintf("%s %d", strings.Join(protocols, " and "), e.Exemption.Port())
		x.In, x.Out = "answers from "+ports, ports
		for _, a := range e.Addresses {
			x.Addresses = append(x.Addresses, a.String())
		}
		*x.Packets = passed[filter.ExemptReason(e.Exemption)]
		out = append(out, x)
	}
	return out
}
