package devices

import (
	"fmt"
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
)

// BridgesOnWire warns of bridges with the view of the wire whose frames come to the IP hooks
// (K27): in prerouting a frame from port to port looks like any other. The names are those
// of the machine's bridges of which that is so.
func BridgesOnWire(p *policy.Policy, f member.Facts, names []string) (out policy.Problems) {
	if len(names) == 0 {
		return nil
	}
	managed := Governed(p, f)
	for _, l := range f.Links {
		i, ok := managed[l.Name]
		if !ok || p.Interfaces[i].View != policy.ViewWire || !slices.Contains(names, l.Name) {
			continue
		}
		out = append(out, policy.Problem{
			Pos: p.Interfaces[i].Pos, Field: "view", Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("frames between the ports of the bridge %s are judged, too: with "+
				"view: wire they look like what is for this machine (br_netfilter hands them over)",
				l.Name),
			Hint: "view: local, or sysctl net.bridge.bridge-nf-call-iptables=0 and -ip6tables=0",
		})
	}
	return out
}
