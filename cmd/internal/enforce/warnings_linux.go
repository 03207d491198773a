package enforce

import (
	"fmt"
	"net/netip"
	"slices"

	"sgfw/cmd/internal/host/links"
	"sgfw/policy"
	"sgfw/policy/devices"
)

// ports warns of entries whose devices belong to other ones, and are not filtered.
func ports(p *policy.Policy, facts links.Snapshot) policy.Problems {
	out := devices.Ports(p, facts.Facts, facts.Masters)
	for i := range out {
		out[i].Severity = policy.SeverityWarning
	}
	return out
}

// slaves is what [ports] says, in words for status and log.
func slaves(p *policy.Policy, facts links.Snapshot) (out []string) {
	for _, o := range ports(p, facts) {
		out = append(out, fmt.Sprintf("%s (hint: %s)", o.Message, o.Hint))
	}
	return out
}

// twins warns of entries that judge nothing, because their device has another entry by
// another name.
func twins(p *policy.Policy, facts links.Snapshot) policy.Problems {
	out := devices.Twins(p, facts.Facts)
	for i := range out {
		out[i].Severity = policy.SeverityWarning
	}
	return out
}

// lost warns of the altnames that devices have lost, which are managed all the same.
func (m machine) lost(p *policy.Policy) (out policy.Problems) {
	managed := devices.Governed(p, m.Facts)
	for _, l := range m.Facts.Links {
		i, ok := managed[l.Name]
		if !ok || !m.kept[p.Interfaces[i].Device] {
			continue
		}
		out = append(out, policy.Problem{
			Pos: p.Interfaces[i].Pos, Field: "device", Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("%s is no altname of %s any more: the device is filtered all the same",
				p.Interfaces[i].Device, l.Name),
			Hint: fmt.Sprintf("name %s in the policy, or give it the altname back", l.Name),
		})
	}
	return out
}

// mistaken warns of guests that are said to have this machine's own addresses,
// such as that of their gateway.
func mistaken(p *policy.Policy, facts links.Snapshot) policy.Problems {
	var out policy.Problems
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		if in.Mode != policy.ModeGuest {
			continue
		}
		own := in.Own()
		for _, l := range facts.Facts.Links {
			for _, a := range l.Addresses {
				if slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Contains(a) }) {
					out = append(out, policy.Problem{
						Pos: in.Pos, Field: "addresses", Severity: policy.SeverityWarning,
						Message: fmt.Sprintf(
							"%s is this machine's own address on %s, not one of the guest behind %s", a, l.Name,
							in.Device),
						Hint: "list the addresses of the guest",
					})
				}
			}
		}
	}
	return out
}

// viewsChanged notes the devices that come to be judged by another view. A flow whose
// addresses this machine rewrites is another one there, which nobody can tell beforehand:
// it is among the orphans of the reload, or among nothing.
func viewsChanged(from, to *policy.Policy, facts links.Snapshot) (out policy.Problems) {
	told := make(map[int]bool)
	for _, l := range facts.Facts.Links {
		was, managed := from.Match(l.Name)
		i, ok := to.Match(l.Name)
		if !managed || !ok || told[i] || from.Interfaces[was].View == to.Interfaces[i].View {
			continue
		}
		told[i] = true
		out = append(out, policy.Problem{
			Pos: to.Interfaces[i].Pos, Field: "view", Severity: policy.SeverityNotice,
			Message: fmt.Sprintf("%s is judged by its other view now: live flows go on, but those "+
				"whose addresses this machine rewrites go on only where rules permit their packets",
				to.Interfaces[i].Device),
		})
	}
	return out
}

// fixed warns of settings that the policy changes but a living daemon cannot.
func (e *Enforcer) fixed(p *policy.Policy) policy.Problems {
	var out policy.Problems
	warn := func(key string, have, want any) {
		out = append(out, policy.Problem{
			Pos: policy.Pos{File: e.cfg.File.Name()}, Field: key, Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("settings.%s stays %v until the daemon is started anew (the file says %v)",
				key, have, want),
		})
	}
	have, want := e.queues, newQueueRange(p.Settings, e.cfg.Driver)
	if have.base != want.base {
		warn("queues.base", have.base, want.base)
	}
	if have.count != want.count {
		warn("queues.count", have.count, want.count)
	}
	if have.balance != want.balance {
		warn("queues.balance", have.balance, want.balance)
	}
	if have.busyPoll != want.busyPoll {
		warn("queues.busy_poll", have.busyPoll, want.busyPoll)
	}
	if have.driver != want.driver {
		warn("queue_driver", have.driver, want.driver)
	}
	if cannot := e.table.Facts().NoOffload; !e.path.stays(p.Settings.Datapath, cannot) {
		warn("datapath", e.path.is, p.Settings.Datapath)
	}
	f := &e.failures
	if f.refused == "" && f.stuck != p.Settings.OnStuck {
		warn("on_failure.stuck", f.stuck, p.Settings.OnStuck)
	}
	if f.refused == "" && f.overloaded != p.Settings.OnOverloaded {
		warn("on_failure.overloaded", f.overloaded, p.Settings.OnOverloaded)
	}
	if n := e.MaxFlows(); n != p.Settings.MaxFlows {
		warn("max_flows", n, p.Settings.MaxFlows)
	}
	return out
}
