package enforce

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy"
)

// unfiltered is what no rule of ours ever sees.
var unfiltered = []api.Exemption{
	{Name: "loopback", Kind: api.KindFailsafe, State: api.ExemptionAlways,
		In: "lo, the machine's traffic with its own addresses", Out: "the same"},
	{Name: "arp", Kind: api.KindFailsafe, State: api.ExemptionAlways,
		In: "ARP and all else that is not IP", Out: "the same"},
}

// exemptions lists what passes whatever the rules say, and what could; the caller
// holds mu.
func (e *Enforcer) exemptions() []api.Exemption {
	out := slices.Clone(unfiltered)
	s := e.mu.force.current.policy.Settings
	// A damaged table has none, which degraded says.
	counters, err := e.table.Counters()
	missing := e.table.Facts().Missing
	for _, f := range policy.Failsafes() {
		x := api.Exemption{Name: f.String(), Kind: api.KindFailsafe, State: api.ExemptionOn, In: f.In(),
			Out: f.Out()}
		switch {
		case s.CutFailsafes.Has(f):
			x.State = api.ExemptionOff
		case slices.Contains(missing, f):
			x.State = api.ExemptionMissing
		}
		if c, ok := counters[x.Name]; ok && err == nil {
			x.Packets = &c.Packets
		}
		out = append(out, x)
	}
	passed := e.engine.Counts()
	for _, e := range e.engine.Ruleset().Exempt() {
		x := api.Exemption{
			Name: e.Exemption.String(), Kind: api.KindService, State: api.ExemptionOff,
			Addresses: []string{}, Packets: new(uint64),
		}
		if e.On {
			x.State = api.ExemptionOn
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
