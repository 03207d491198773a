package enforce

import (
	"cmp"
	"errors"
	"slices"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/source"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/devices"
)

// Status describes the policy in force, the table, the queues and the flows. file is
// what the policy file says now, and unread why that is not known.
func (e *Enforcer) Status(file source.Revision, unread error) api.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.mu.force.current.policy
	says, why := file, ""
	switch {
	case errors.Is(unread, source.ErrReadOnce):
		// What was read of it is the last that was tried: it cannot be reloaded.
		says = source.Revision{Sum: e.mu.attempt.sum}
	case unread != nil:
		says, why = source.Revision{}, unread.Error()
	default:
		e.mu.attempt.says(file.Sum)
	}
	return api.Status{
		Degraded: e.degraded(),
		Policy: api.PolicyStatus{
			File:        e.cfg.File.Name(),
			FileDiffers: !says.Same(e.mu.force.current.revision),
			FileUnread:  why,
			StandIn:     e.mu.standIn.document(),
			Generation:  e.engine.Ruleset().Generation(),
			Loaded:      e.mu.force.loaded.UTC(),
			Groups:      len(p.Groups),
			Rules:       rules(p),
			Watch:       p.Settings.Watch,
			Preset:      explain.Preset(p),
			Tracking:    p.Settings.Tracking.String(),
			Datapath:    string(e.path.is),
			DatapathWhy: e.path.why,
			Pending:     e.mu.confirm.document(),
			RolledBack:  e.mu.confirm.rolledBack(),
			Failure:     e.mu.attempt.failure(),
			Reloads:     e.mu.attempt.counts,
			IDsNotKept:  e.disk.idsNotKept,
		},
		Warnings:     explain.Problems(e.warnings()),
		Interfaces:   e.interfaces(),
		Groups:       explain.Groups(p),
		Quotas:       explain.QuotasOf(p),
		PrefixLists:  explain.PrefixLists(p),
		NetworkACLs:  explain.NetworkACLs(p),
		Table:        e.tableStatus(),
		Queues:       e.queues.status(),
		Flows:        flowStatus(e.engine.Flows().Stats()),
		Kept:         e.kept.status(),
		Offload:      e.carried.status(e.engine, p.Settings.Offload),
		Failures:     e.failures.status(p.Settings),
		Verdicts:     verdicts(e.engine.Crossings()),
		Exemptions:   e.exemptions(),
		EventsLost:   e.engine.WatchLosses(),
		Interference: slices.Clone([]api.Interference(e.mu.rules.others)),
	}
}

// rules counts the permissions of all groups, one for each peer.
func rules(p *policy.Policy) int {
	n := 0
	for i := range p.Groups {
		n += len(p.Groups[i].Ingress) + len(p.Groups[i].Egress)
	}
	return n
}

func (e *Enforcer) interfaces() []api.InterfaceStatus {
	p := e.mu.force.current.policy
	out := make([]api.InterfaceStatus, len(p.Interfaces))
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		out[i] = api.InterfaceStatus{Device: in.Device, ID: explain.InterfaceID(p, in.Device),
			Mode: in.Mode.String(), View: in.View.String(), Groups: in.Groups,
			NetworkACL: in.NetworkACL, Scope: in.Scope, Covered: []api.Device{}}
	}
	for _, i := range devices.Absent(p, e.mu.force.machine.Facts) {
		if out[i].Missing = api.MissingUnknown; devices.Later(&p.Interfaces[i]) {
			out[i].Missing = api.MissingLater
		}
	}
	managed := devices.Governed(p, e.mu.force.machine.Facts)
	attached := make(map[string]*filter.Attachment)
	for _, a := range e.mu.force.current.rs.Attachments() {
		attached[a.Device] = a
	}
	for _, l := range e.mu.force.machine.Facts.Links {
		i, ok := managed[l.Name]
		if !ok {
			continue
		}
		in := &p.Interfaces[i]
		called := in.Calls(l.Name)
		dev := api.Device{
			Name: l.Name, ID: p.IDs.Interface(called), Index: l.Index, Addresses: []string{},
		}
		if a := attached[called]; a != nil {
			share := e.engine.Share(a)
			dev.AllowanceExceeded, dev.AllowanceAvailable = a.Exceeded(), share.Available
			dev.Flows, dev.GuaranteedFlows = share.Flows, share.Guaranteed
		}
		if in.Mode == policy.ModeGuest {
			for _, own := range in.Own() { // the device's own are this machine's
				dev.Addresses = append(dev.Addresses, policy.OwnText(own))
			}
		} else {
			for _, a := range l.Addresses {
				dev.Addresses = append(dev.Addresses, a.String())
			}
		}
		out[i].Covered = append(out[i].Covered, dev)
	}
	return out
}

// Verify says how our table in the kernel differs from what was installed, nil if it
// does not.
func (e *Enforcer) Verify() error { return e.table.Verify() }

// TableStatus describes our table.
func (e *Enforcer) TableStatus() api.TableStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tableStatus()
}

// tableStatus is TableStatus for a caller that holds mu.
func (e *Enforcer) tableStatus() api.TableStatus {
	f := e.table.Facts()
	s := api.TableStatus{
		Name:            "inet " + nft.TableName,
		Hooks:           nft.Hooks,
		Priority:        nft.Priority,
		QueueExpression: string(f.Queue),
		Owner:           f.Owner,
		Persist:         f.Persist,
		Bypass:          f.Bypass,
		Reassembly:      string(f.Reassembly),
		Repaired:        e.mu.rules.repaired,
		Counters:        map[string]uint64{},
	}
	if f.Wire {
		s.WireHooks = nft.WireHooks
	}
	for _, l := range f.Missing {
		s.MissingFailsafes = append(s.MissingFailsafes, l.String())
	}
	// A damaged table has none, which degraded says.
	counters, _ := e.table.Counters()
	for name, c := range counters {
		s.Counters[name] = c.Packets
	}
	return s
}

func flowStatus(st conntrack.Stats) api.FlowStatus {
	return api.FlowStatus{
		Live: st.Flows, Max: st.MaxFlows, HalfOpen: st.HalfOpen, MaxHalfOpen: st.MaxHalfOpen,
		States: api.FlowStates{
			Open: st.States.Open, HalfOpen: st.States.HalfOpen, Closed: st.States.Closed,
			Datagrams: st.States.Datagrams, Streams: st.States.Streams,
			Queries: st.States.Queries, Others: st.States.Others, Revoked: st.States.Revoked,
		},
		Created: st.Inserted, Adopted: st.Adopted, Expired: st.Expired,
		EvictedHalfOpen: st.EvictedHalfOpen, EvictedUnreplied: st.EvictedUnreplied,
		EvictedAnswered: st.EvictedAnswered, EvictedClosed: st.EvictedClosed,
		Untracked: st.Untracked, MaxUntracked: st.MaxUntracked, EvictedUntracked: st.EvictedUntracked,
		RefusedFull: st.RefusedFull, Revoked: st.Revoked,
	}
}

// verdicts lists accepted packets first, then dropped ones, each by number.
func verdicts(counts map[filter.Reason]filter.Crossings) []api.VerdictCount {
	out := []api.VerdictCount{}
	for reason, n := range counts {
		out = append(out, api.VerdictCount{
			Verdict: explain.Word(filter.Verdict{Reason: reason}), Reason: reason.String(),
			Packets: n.Packets, Ingress: n.Ingress, Egress: n.Egress,
		})
	}
	slices.SortFunc(out, func(a, b api.VerdictCount) int {
		return cmp.Or(cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(b.Packets, a.Packets),
			cmp.Compare(a.Reason, b.Reason))
	})
	return out
}
