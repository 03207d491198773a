package enforce

import (
	"fmt"

	"sgfw/policy"
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
	if m.unread != "" && p.Settings.Exempt.Has(policy.ExemptResolvers) {
		out = append(out, "the name servers of the machine are not known: "+m.unread)
	}
	return out
}

// Line is what is enforced, in one line, for `systemctl status`.
func (e *Enforcer) Line() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	line := fmt.Sprintf("enforcing %s on %d interfaces, generation %d", e.cfg.File.Name(),
		len(e.mu.force.current.policy.Interfaces), e.mu.force.current.rs.Generation())
	switch {
	case e.mu.confirm.record.Pending != nil:
		line += ", to be confirmed"
	case e.mu.confirm.record.Rejected != nil:
		line += ", rolled back"
	}
	return line
}
