package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/member"
)

// How often and after which pauses settle looks at the queues.
const (
	settleLooks = 50
	settlePause = time.Millisecond
)

// errStopping refuses changes after the stop has begun.
var errStopping = errors.New("the daemon is stopping")

// enforce publishes the ruleset and adjusts the table. The table goes from the
// old devices by way of both to the new ones: a device that only changes the entry
// that covers it is never open. A queued packet always finds its
// device in the ruleset: one that is newly managed is known before its packets
// are queued, and one that is managed no longer stays, under its old rules,
// until those that wait have their verdict.
func (d *daemon) enforce(next *candidate, facts machine) error {
	old, oldPlan := d.current, d.plan
	newPlan := d.tablePlan(next.policy)
	newPlan.Closed = oldPlan.Closed
	if changed := !oldPlan.Equal(newPlan); changed || d.broken != "" {
		if changed {
			d.engine.Publish(next.rs.Keeping(old.rs, facts.Facts.Links))
		}
		if err := d.table.Apply(newPlan); err != nil {
			d.engine.Publish(old.rs)
			err = fmt.Errorf("adjust table inet %s: %w", nft.TableName, err)
			back := d.table.Apply(oldPlan)
			if back != nil { // repairs goes on trying
				d.broken = fmt.Sprintf("table inet %s could not be put back after a reload failed: %v", nft.TableName, back)
			}
			return errors.Join(err, back)
		}
		if changed {
			d.settle()
		}
	}
	d.engine.Publish(next.rs)
	// Flows that a trial's shorter timers ended would not come back with a roll-back.
	if d.record.Trial == nil {
		d.engine.Retime()
	}
	if old.policy.Settings.Watch != next.policy.Settings.Watch {
		wake(d.watchChanged)
	}
	d.current, d.plan, d.broken = next, newPlan, ""
	return nil
}

// settle waits until no packet that was queued before is left, or so long that
// none can be: a busy queue is never empty, but its packets wait for a fraction
// of a millisecond.
func (d *daemon) settle() {
	for range settleLooks {
		// First of all for packets that were between the rules and the queue.
		time.Sleep(settlePause)
		kernel, err := nfqueue.ReadKernelQueues()
		if err != nil {
			continue
		}
		last := d.queueBase + uint16(len(d.queues)) - 1
		if !slices.ContainsFunc(kernel, func(k nfqueue.KernelQueue) bool {
			return k.Waiting > 0 && k.Queue >= d.queueBase && k.Queue <= last
		}) {
			return
		}
	}
}

// fixed warns of settings that the policy changes but a living daemon cannot.
func (d *daemon) fixed(p *policy.Policy) policy.Problems {
	var out policy.Problems
	warn := func(key string, have, want any) {
		out = append(out, policy.Problem{
			Pos: policy.Pos{File: d.cfg.PolicyFile}, Field: key, Severity: policy.SeverityWarning,
			Message: fmt.Sprintf("settings.%s stays %v until the daemon is started anew (the file says %v)", key, have, want),
		})
	}
	s := p.Settings
	if s.QueueBase != d.queueBase {
		warn("queues.base", d.queueBase, s.QueueBase)
	}
	if n := queueCount(s); n != len(d.queues) {
		warn("queues.count", len(d.queues), n)
	}
	if s.QueueBalance != d.balance {
		warn("queues.balance", d.balance, s.QueueBalance)
	}
	if s.QueueBusyPoll != d.busyPoll {
		warn("queues.busy_poll", d.busyPoll, s.QueueBusyPoll)
	}
	if n := d.cfg.driver(s); n != d.driver {
		warn("queue_driver", d.driver, n)
	}
	if s.MaxFlows != d.maxFlows {
		warn("max_flows", d.maxFlows, s.MaxFlows)
	}
	return out
}

// failure gives an error its kind for the way to the client.
func failure(err error) error {
	if f, ok := errors.AsType[*api.Failure](err); ok {
		return f
	}
	f := &api.Failure{Kind: api.KindFailed, Message: err.Error()}
	if p, ok := errors.AsType[policy.Problem](err); ok {
		f.Code = string(p.Code)
	}
	switch {
	case policy.AsProblems(err) != nil:
		f.Kind, f.Problems = api.KindInvalid, explain.Problems(policy.AsProblems(err))
	case errors.Is(err, ErrEnslaved):
		f.Kind = api.KindInvalid
	case errors.Is(err, ssh.ErrLockout):
		f.Kind = api.KindRefused
	case errors.Is(err, explain.ErrQuestion):
		f.Kind = api.KindUsage
	}
	return f
}

// factsChanged puts new devices and addresses in force.
func (d *daemon) factsChanged(s links.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return
	}
	before := slaves(d.current.policy, d.facts.Snapshot)
	d.facts.Snapshot = s
	next := *d.current
	next.members = member.Resolve(next.policy, s.Facts)
	// Most changes are devices that come and go: no rule speaks of them.
	if !next.members.Equal(d.current.members) {
		next.base = d.compiler.Compile(next.policy, next.members)
		d.log.Info("group members changed", "generation", next.base.Generation())
	}
	next.rs = d.facts.bind(next.base)
	d.engine.Publish(next.rs)
	d.current = &next
	if after := slaves(next.policy, s); !slices.Equal(before, after) {
		if len(after) > 0 {
			d.log.Error("degraded: managed devices are not judged", "devices", strings.Join(after, "; "))
		} else {
			d.log.Info("managed devices are judged again")
		}
	}
	d.logNotify(d.notify.status(d.line()))
}

// repair puts the table right that somebody else altered; the caller holds mu.
func (d *daemon) repair() error {
	if err := d.table.Repair(d.plan); err != nil {
		d.broken = fmt.Sprintf("table inet %s was damaged and could not be repaired: %v", nft.TableName, err)
		return err
	}
	d.broken = ""
	d.repaired++
	return nil
}

// repairs tries again, now and then, what tableChanged could not do, and looks
// for what its watch did not tell.
func (d *daemon) repairs(ctx context.Context) error {
	t := time.NewTicker(repairEvery)
	defer t.Stop()
	damaged, repaired := false, uint64(0) // of the look before
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		// The watch is told at once: what is there for longer it does not see. What was
		// repaired since the last look is another damage.
		err := d.table.Verify()
		d.mu.Lock()
		same := damaged && repaired == d.repaired
		damaged, repaired = err != nil, d.repaired
		d.mu.Unlock()
		if damaged && same && !d.raging() {
			d.damaged(nft.Change{Err: err})
		}
		d.mu.Lock()
		if d.stopping {
			d.mu.Unlock()
			return nil
		}
		if d.storm.rages {
			if err := d.endure(); err != nil {
				d.log.Error("closing the devices failed", "error", err)
			}
		} else if d.broken != "" && d.repair() == nil {
			d.log.Info("the table is whole again")
			d.logNotify(d.notify.status(d.line()))
		}
		if hidden := d.muffled.over(time.Now()); hidden > 0 {
			d.log.Warn("more was done by other programs than is logged", "unlogged_before", hidden)
		}
		d.mu.Unlock()
	}
}

// degraded says what is not as the policy wants it; the caller holds mu.
func (d *daemon) degraded() []string {
	out := append(slaves(d.current.policy, d.facts.Snapshot), d.missing()...)
	stormy := ""
	if d.storm.rages {
		stormy = "another program damages the table again and again: the devices are closed until it stops"
	}
	for _, what := range []string{stormy, d.broken, d.unkept, d.unwatched} {
		if what != "" {
			out = append(out, what)
		}
	}
	if d.facts.unread != "" && d.current.policy.Settings.Exempt.Has(policy.ExemptResolvers) {
		out = append(out, "the name servers of the machine are not known: "+d.facts.unread)
	}
	if queues := d.unserved.Load(); queues != nil {
		out = append(out, fmt.Sprintf("the verdict loops of queues %v stand still", *queues))
	}
	return out
}

// line is the state in one line, for `systemctl status`; the caller holds mu.
func (d *daemon) line() string {
	if out := d.degraded(); len(out) > 0 {
		return "degraded: " + strings.Join(out, "; ")
	}
	line := fmt.Sprintf("enforcing %s on %d interfaces, generation %d",
		d.cfg.PolicyFile, len(d.current.policy.Interfaces), d.current.rs.Generation())
	switch {
	case d.record.Trial != nil:
		line += ", to be confirmed"
	case d.record.Rejected != nil:
		line += ", rolled back"
	}
	return line
}
