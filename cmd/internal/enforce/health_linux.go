package enforce

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/devices"
	"sgfw/policy/member"
)

// Degraded says what is not as the policy wants it.
func (e *Enforcer) Degraded() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.degraded()
}

// degraded is Degraded for a caller that holds mu.
func (e *Enforcer) degraded() []string {
	p, m := e.mu.force.current.policy, e.mu.force.machine
	out := e.mu.standIn.degraded()
	if !e.mu.standIn.closed { // it is not about devices that somebody meant
		out = append(out, slaves(p, m.Snapshot)...)
	}
	for _, t := range twins(p, m.Snapshot) {
		out = append(out, t.Message)
	}
	out = append(out, e.queues.unbindable()...)
	if e.mu.rules.breaker.tripped {
		out = append(out, "another program damages the table again and again:"+
			" the devices are closed until it stops")
	}
	for _, what := range []string{e.mu.rules.broken, e.mu.confirm.unkept} {
		if what != "" {
			out = append(out, what)
		}
	}
	out = append(out, e.failures.degraded(p.Settings)...)
	if m.unread != "" && p.Settings.Exempt.Has(policy.ExemptResolvers) {
		out = append(out, "the name servers of the machine are not known: "+m.unread)
	}
	return out
}

// warnings are about devices that the policy names and that are not what it says, or of
// which more is judged than it seems to say.
// The caller holds mu.
func (e *Enforcer) warnings() policy.Problems {
	return e.mu.force.machine.warnings(e.mu.force.current.policy)
}

func (m machine) warnings(p *policy.Policy) policy.Problems {
	return slices.Concat(devices.Missing(p, m.Facts).Of(policy.SeverityWarning), m.lost(p),
		devices.BridgesOnWire(p, m.Facts, m.Filtering()))
}

// ailments is what does not fit of the policy and the devices.
type ailments struct {
	slaves   []string
	warnings policy.Problems
}

// ailments are those of a policy on the machine.
func (m machine) ailments(p *policy.Policy) ailments {
	return ailments{slaves(p, m.Snapshot), append(m.warnings(p), twins(p, m.Snapshot)...)}
}

// tellAilments logs what has changed on the machine under a policy. The caller holds mu.
func (e *Enforcer) tellAilments(p *policy.Policy, was machine) {
	before, now := was.ailments(p), e.mu.force.machine.ailments(p)
	if !slices.Equal(before.slaves, now.slaves) {
		if len(now.slaves) > 0 {
			e.log.Error("degraded: managed devices are not judged",
				"devices", strings.Join(now.slaves, "; "))
		} else {
			e.log.Info("managed devices are judged again")
		}
	}
	e.tellEnds(p, was)
	e.logProblems(slices.DeleteFunc(now.warnings,
		func(w policy.Problem) bool { return told(before.warnings, w) }))
}

// tellEnds logs which warnings have ended, as what is so now. That a device is gone is a
// warning of its own. The caller holds mu.
func (e *Enforcer) tellEnds(p *policy.Policy, was machine) {
	now := e.mu.force.machine
	missing := devices.Absent(p, now.Facts)
	for _, i := range devices.Absent(p, was.Facts) {
		in := &p.Interfaces[i]
		if devices.Later(in) || slices.Contains(missing, i) {
			continue
		}
		// One that belongs to another device is there, and not filtered: see slaves.
		free := slices.ContainsFunc(now.Facts.Links, func(l member.Link) bool {
			_, belongs := now.Masters[l.Name]
			return !belongs && (in.Matches(l.Name) || slices.Contains(l.Altnames, in.Device))
		})
		if free {
			e.log.Info("the device is there and is filtered", "device", in.Device)
		}
	}
	for name := range was.kept {
		if l, ok := now.Facts.Named(name); ok && !now.kept[name] {
			e.log.Info("the altname is there again", "altname", name, "device", l.Name)
		}
	}
	if len(twins(p, was.Snapshot)) > 0 && len(twins(p, now.Snapshot)) == 0 {
		e.log.Info("every device has one entry again")
	}
}

// told reports whether a warning is among others.
func told(among policy.Problems, w policy.Problem) bool {
	return slices.ContainsFunc(among, func(o policy.Problem) bool { return o.Message == w.Message })
}

// Present counts the interfaces of the policy, and those that name a device which is there.
func (e *Enforcer) Present() (there, all int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.present()
}

// present is Present for a caller that holds mu.
func (e *Enforcer) present() (there, all int) {
	p := e.mu.force.current.policy
	all = len(p.Interfaces)
	return all - len(devices.Absent(p, e.mu.force.machine.Facts)), all
}

// Line is what is enforced, in one line, for `systemctl status`.
func (e *Enforcer) Line() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	there, all := e.present()
	amount := fmt.Sprint(all)
	if there < all {
		amount = fmt.Sprintf("%d of %d", there, all)
	}
	line := fmt.Sprintf("enforcing %s on %s interfaces, generation %d", e.cfg.File.Name(), amount,
		e.mu.force.current.rs.Generation())
	if warnings := e.warnings(); there == 0 && len(warnings) > 0 {
		line = fmt.Sprintf("%s (hint: %s); %s", warnings[0].Message, warnings[0].Hint, line)
	}
	switch {
	case e.mu.confirm.record.Pending != nil:
		line += ", to be confirmed"
	case e.mu.confirm.record.Rejected != nil:
		line += ", rolled back"
	}
	return line
}
