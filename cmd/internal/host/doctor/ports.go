package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// ports compares the ports that wait for strangers with the policy.
func (j *judge) ports() {
	quiet := true
	for _, l := range merge(j.Listeners) {
		what := fmt.Sprintf("%s port %d", l.protocol, l.port)
		if len(l.processes) > 0 {
			what += " (" + strings.Join(l.processes, ", ") + ")"
		}
		devices := j.reachable(l.addresses)
		if open := j.uncovered(devices); len(open) > 0 {
			quiet = false
			j.add("listening-ports", api.LevelWarning, "manage these devices, if strangers are behind them",
				"%s is reachable through %s, which the policy does not manage", what, strings.Join(open, ", "))
		}
		for _, w := range j.toTheWorld(devices, l.protocol, l.port) {
			quiet = false
			j.add("listening-ports", api.LevelNote, "", "%s is open to the world: %s", what, w)
		}
	}
	for _, p := range j.Survey.Published {
		what := fmt.Sprintf("%s port %d, published by table %s", p.Protocol, p.Port, p.Table)
		if p.To.Addr().IsValid() {
			what += " for " + p.To.String()
		}
		var devices []string
		for _, l := range j.Links {
			// The device behind which the published machine is does not count.
			if len(l.Addresses) > 0 && l.Name != j.Toward[p.To.Addr()] {
				devices = append(devices, l.Name)
			}
		}
		if open := j.uncovered(devices); len(open) > 0 {
			quiet = false
			j.add("published-ports", api.LevelWarning, "manage these devices, if strangers are behind them",
				"%s, is reachable through %s, which the policy does not manage", what, strings.Join(open, ", "))
		}
		// Rules see the packet behind DNAT.
		for _, w := range j.toTheWorld(devices, p.Protocol, p.To.Port()) {
			quiet = false
			j.add("published-ports", api.LevelNote, "", "%s, is open to the world: %s", what, w)
		}
	}
	if quiet {
		j.add("listening-ports", api.LevelOK, "",
			"every port that waits for strangers is covered, and none is open to the world")
	}
}

// service is the listeners of one port.
type service struct {
	protocol  string
	port      uint16
	addresses []netip.Addr
	processes []string
}

// merge groups listeners by protocol and port; those on loopback addresses wait
// for nobody else.
func merge(listeners []Listener) []service {
	var out []service
	for _, l := range listeners {
		if l.Address.Addr().IsLoopback() {
			continue
		}
		i := slices.IndexFunc(out, func(s service) bool {
			return s.protocol == l.Protocol && s.port == l.Address.Port()
		})
		if i < 0 {
			i = len(out)
			out = append(out, service{protocol: l.Protocol, port: l.Address.Port()})
		}
		out[i].addresses = append(out[i].addresses, l.Address.Addr())
		if l.Process != "" && !slices.Contains(out[i].processes, l.Process) {
			out[i].processes = append(out[i].processes, l.Process)
		}
	}
	slices.SortFunc(out, func(a, b service) int {
		if a.port != b.port {
			return int(a.port) - int(b.port)
		}
		return strings.Compare(a.protocol, b.protocol)
	})
	return out
}

// reachable lists the devices whose addresses a socket is bound to.
func (j *judge) reachable(bound []netip.Addr) []string {
	var out []string
	for _, l := range j.Links {
		if slices.ContainsFunc(l.Addresses, func(a netip.Addr) bool {
			return slices.ContainsFunc(bound, func(b netip.Addr) bool {
				// A socket bound to :: takes IPv4, too, unless it says otherwise.
				return a == b || b.IsUnspecified() && (b.Is6() || a.Is4())
			})
		}) {
			out = append(out, l.Name)
		}
	}
	return out
}

// uncovered are the devices that the policy does not manage.
func (j *judge) uncovered(devices []string) []string {
	return slices.DeleteFunc(slices.Clone(devices), j.managed)
}

// toTheWorld says by which rules the devices among these that are this machine's
// own let everybody reach a port.
func (j *judge) toTheWorld(devices []string, protocol string, port uint16) []string {
	var out []string
	seen := make(map[int]bool)
	for _, d := range devices {
		i, ok := j.governed[d]
		if !ok || seen[i] || j.Policy.Interfaces[i].Mode != policy.ModeHost {
			continue
		}
		seen[i] = true
		for _, name := range j.Policy.Interfaces[i].Groups {
			for _, r := range j.ingress(name) {
				if r.Peer.Kind == policy.PeerCIDR && r.Peer.CIDR.Bits() == 0 && covers(r, protocol, port) {
					out = append(out, fmt.Sprintf("%s/ingress/%d permits %s on %s", name, r.Index, r.Peer.CIDR,
						j.Policy.Interfaces[i].Device))
				}
			}
		}
	}
	return out
}

func (j *judge) ingress(group string) []policy.Rule {
	for i := range j.Policy.Groups {
		if j.Policy.Groups[i].Name == group {
			return j.Policy.Groups[i].Ingress
		}
	}
	return nil
}

// covers reports whether a rule is about a port.
func covers(r policy.Rule, protocol string, port uint16) bool {
	switch {
	case r.Protocol == policy.AllProtocols:
		return true
	case r.Protocol.String() != protocol:
		return false
	}
	return r.From <= int(port) && int(port) <= r.To
}
