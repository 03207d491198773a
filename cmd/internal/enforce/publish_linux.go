package enforce

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"sgfw/cmd/internal/host/links"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/devices"
	"sgfw/policy/member"
)

// publish gives a candidate to the engine and adjusts the table. The caller holds mu.
//
// The table goes from the old devices by way of both to the new ones: a device that
// only changes the entry that covers it is never open. A queued packet always finds
// its device in the ruleset: one that is newly managed is known before its packets
// are queued, and one that is managed no longer stays, under its old rules,
// until those that wait have their verdict.
func (e *Enforcer) publish(next *candidate) error {
	e.tellCarried()
	old, oldPlan := e.mu.force.current, e.mu.rules.plan
	newPlan := e.tablePlan(next.policy, next.machine.Snapshot)
	newPlan.Closed = oldPlan.Closed
	if changed := !oldPlan.Equal(newPlan); changed || e.mu.rules.broken != "" {
		if changed {
			e.engine.Publish(next.rs.Keeping(old.rs, next.machine.Facts.Links))
		}
		if err := e.exchangePlans(oldPlan, newPlan); err != nil {
			e.engine.Publish(old.rs)
			return err
		}
		if changed {
			e.queues.settle()
		}
		if newPlan.Offload.Lifetime != oldPlan.Offload.Lifetime {
			e.engine.ShareRooms(roomsOf(newPlan.Offload))
		}
	}
	e.engine.Publish(next.rs)
	e.judgeAgain()
	// Shorter timers of a policy that waits to be confirmed would end flows that a
	// roll-back could not bring back.
	if e.mu.confirm.record.Pending == nil {
		e.engine.Retime()
	}
	e.mu.force.current, e.mu.rules.plan, e.mu.rules.broken = next, newPlan, ""
	e.keepAltnames()
	e.mu.standIn = standIn{}
	if was, is := old.policy.Settings, next.policy.Settings; was.Watch != is.Watch ||
		was.Metrics != is.Metrics {
		e.cfg.Events.Settings()
	}
	return nil
}

// exchangePlans has the table do what a new plan says, or again what the old one does. While
// the marks of verdicts change no verdict is given: rules that know others would not
// recognize it. The caller holds mu.
func (e *Enforcer) exchangePlans(oldPlan, newPlan nft.Plan) (err error) {
	exchange := func() {
		if err = e.table.Apply(newPlan); err == nil {
			e.queues.marks.Set(newPlan.Offload.Marks)
			return
		}
		err = fmt.Errorf("adjust table inet %s: %w", nft.TableName, err)
		back := e.table.Apply(oldPlan)
		if back != nil { // RepairTable goes on trying
			e.mu.rules.broken = fmt.Sprintf(
				"table inet %s could not be put back after a reload failed: %v", nft.TableName, back)
		}
		err = errors.Join(err, back)
	}
	if oldPlan.Offload.Marks == newPlan.Offload.Marks {
		exchange()
	} else {
		e.engine.Pause(exchange)
	}
	return err
}

// rebind publishes the policy in force for another state of the machine: recompiled
// where group members differ. The caller holds mu.
func (e *Enforcer) rebind(m machine) {
	next := *e.mu.force.current
	force := &e.mu.force
	force.highest = max(force.highest, next.machine.Highest())
	same := next.machine.Keeps(m.Snapshot) && !next.machine.Reuses(m.Snapshot, force.highest)
	next.machine, e.mu.force.machine = m, m
	members := member.Resolve(next.policy, m.Facts)
	// Most changes are devices that come and go: no rule speaks of them.
	if !members.Equal(next.members) {
		next.base = e.mu.force.compiler.Compile(next.policy, members)
		e.log.Info("group members changed", "generation", next.base.Generation())
		same = false
	}
	next.members = members
	next.rs = m.bind(next.base)
	followed := e.follow(&next)
	e.engine.Publish(next.rs)
	if !same || followed { // else flows are carried between devices that are what they were
		e.judgeAgain()
	}
	e.mu.force.current = &next
	if followed {
		e.keepAltnames() // on a disk, for which no packet waits
	}
}

// follow tells the table what a policy that stays in force means now: the ports of managed
// bridges, and the devices with the altnames that it names. Frames of a port that the table
// does not know yet pass by a verdict. A device that has an altname is known to the engine
// before its packets are queued, and one that has it no longer until those that wait have
// their verdict. It reports whether there was something to tell. The caller holds mu.
func (e *Enforcer) follow(next *candidate) (changed bool) {
	t, plan := &e.mu.rules, e.tablePlan(next.policy, next.machine.Snapshot)
	plan.Closed, plan.Gone = t.plan.Closed, t.plan.Gone
	if t.plan.Equal(plan) {
		return false
	}
	renumbered := !slices.Equal(t.plan.Devices, plan.Devices)
	if renumbered {
		e.engine.Publish(next.rs.Keeping(e.mu.force.current.rs, next.machine.Facts.Links))
	}
	if t.plan = plan; t.broken != "" { // RepairTable goes on trying
		return true
	}
	if e.adjust(); renumbered {
		e.queues.settle()
	}
	return true
}

// LinksChanged puts new devices and addresses in force.
func (e *Enforcer) LinksChanged(s links.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopping {
		return
	}
	p, before := e.mu.force.current.policy, e.mu.force.machine
	e.rebind(e.mu.force.at(s))
	e.tellAilments(p, before) // words are for afterwards: packets wait for the devices
	e.cfg.Events.Health()
}

// managedBridges are the managed devices that are bridges, where bridges hand their
// frames to the IP hooks at all.
func managedBridges(p *policy.Policy, s links.Snapshot) (out []nft.Bridge) {
	if len(s.Masters) == 0 || !nft.BridgesFilter() {
		return nil
	}
	all := devices.Governed(p, s.Facts)
	for _, l := range s.Facts.Links {
		m := s.Masters[l.Name]
		if _, managed := all[m.Name]; m.Kind != "bridge" || !managed {
			continue
		}
		i := slices.IndexFunc(out, func(b nft.Bridge) bool { return b.Name == m.Name })
		if i < 0 {
			i, out = len(out), append(out, nft.Bridge{Name: m.Name})
		}
		out[i].Ports = append(out[i].Ports, l.Index)
	}
	return out
}

// ResolversChanged puts other name servers in force; unread says why they are not
// known.
func (e *Enforcer) ResolversChanged(list []netip.Addr, unread error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old, m := e.mu.force.machine, e.mu.force.machine
	m.setResolvers(list, unread)
	if e.mu.stopping || slices.Equal(old.resolvers, m.resolvers) && old.unread == m.unread {
		return
	}
	e.mu.force.machine = m
	if !e.mu.force.current.policy.Settings.Exempt.Has(policy.ExemptResolvers) {
		return
	}
	e.rebind(m)
	e.log.Info("name servers changed", "servers", list)
	e.cfg.Events.Health()
}
