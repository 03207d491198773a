package daemon

import (
	"cmp"
	"context"
	"os"
	"slices"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/source"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy"
)

// Status implements [control.Backend].
func (d *daemon) Status(context.Context) (api.Status, error) {
	// Before the lock: a file may be large, or on a disk that does not answer, and
	// whoever may look must not hold up a repair or a roll-back.
	file, err := source.File{Path: d.cfg.PolicyFile}.Read()
	d.mu.Lock()
	defer d.mu.Unlock()
	doc := api.Status{
		State:    api.StateRunning,
		Degraded: d.degraded(),
		PID:      os.Getpid(),
		Version:  d.cfg.Version,
		Started:  d.started.UTC(),
		Policy: api.PolicyStatus{
			File:       d.cfg.PolicyFile,
			Generation: d.engine.Ruleset().Generation(),
			Loaded:     d.loaded.UTC(),
			Groups:     len(d.current.policy.Groups),
			Rules:      rules(d.current.policy),
			Watch:      d.current.policy.Settings.Watch,
			Tracking:   d.current.policy.Settings.Tracking.String(),
			Datapath:   string(d.current.policy.Settings.Datapath),
			Trial:      d.trial(),
			RolledBack: d.rolledBack(),
			Failure:    d.refused,
			IDsNotKept: d.idsNotKept,
		},
		Interfaces: d.interfaces(),
		Groups:     explain.Groups(d.current.policy),
		Quotas:     explain.QuotasOf(d.current.policy),

		PrefixLists: explain.PrefixLists(d.current.policy),

		Table:      d.tableStatus(),
		Queues:     d.queueStatus(),
		Flows:      flowStatus(d.engine.Flows().Stats()),
		Verdicts:   verdicts(d.engine.Counts()),
		Exemptions: d.exemptions(),

		Interference: slices.Clone(d.interference),
	}
	doc.Policy.FileDiffers = err != nil || !file.Same(d.current.source)
	if len(doc.Degraded) > 0 {
		doc.State = api.StateDegraded
	}
	return doc, nil
}

// rules counts the permissions of all groups, one for each peer.
func rules(p *policy.Policy) int {
	n := 0
	for i := range p.Groups {
		n += len(p.Groups[i].Ingress) + len(p.Groups[i].Egress)
	}
	return n
}

func (d *daemon) interfaces() []api.InterfaceStatus {
	p := d.current.policy
	out := make([]api.InterfaceStatus, len(p.Interfaces))
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		out[i] = api.InterfaceStatus{Device: in.Device, ID: explain.InterfaceID(p, in.Device), Mode: in.Mode.String(), Groups: in.Groups, Scope: in.Scope, Covered: []api.Device{}}
	}
	devices := p.Devices()
	st := d.engine.Flows().Stats()
	exceeded := make(map[string]uint64)
	for _, a := range d.current.rs.Attachments() {
		exceeded[a.Device] = a.Exceeded()
	}
	for _, l := range d.facts.Facts.Links {
		i, ok := devices.Match(l.Name)
		if !ok {
			continue
		}
		dev := api.Device{
			Name: l.Name, ID: p.IDs.Interface(l.Name), Index: l.Index, Addresses: []string{},
			AllowanceExceeded: exceeded[l.Name], AllowanceAvailable: st.MaxFlows - st.Flows,
		}
		addresses := l.Addresses
		if in := &p.Interfaces[i]; in.Mode == policy.ModeGuest {
			addresses = in.Addresses // the device's own are this machine's
		}
		for _, a := range addresses {
			dev.Addresses = append(dev.Addresses, a.String())
		}
		out[i].Covered = append(out[i].Covered, dev)
	}
	return out
}

func (d *daemon) tableStatus() api.TableStatus {
	f := d.table.Facts()
	s := api.TableStatus{
		Name:            "inet " + nft.TableName,
		Hooks:           nft.Hooks,
		Priority:        nft.Priority,
		QueueExpression: string(f.Queue),
		Owner:           f.Owner,
		Persist:         f.Persist,
		Bypass:          f.Bypass,
		Reassembly:      string(f.Reassembly),
		Repaired:        d.repaired,
		Counters:        map[string]uint64{},
	}
	for _, l := range f.Missing {
		s.MissingFailsafes = append(s.MissingFailsafes, l.String())
	}
	// A damaged table has none, which degraded says.
	counters, _ := d.table.Counters()
	for name, c := range counters {
		s.Counters[name] = c.Packets
	}
	return s
}

func (d *daemon) queueStatus() []api.QueueStatus {
	// Without /proc our own counters have to do.
	kernel, _ := nfqueue.ReadKernelQueues()
	out := make([]api.QueueStatus, len(d.queues))
	for i, q := range d.queues {
		st := q.Stats()
		s := api.QueueStatus{
			Number: d.queueBase + uint16(i), Packets: st.Packets, Accepted: st.Accepted, Dropped: st.Dropped,
			Malformed: st.Malformed, Foreign: st.Foreign, VerdictErrors: st.VerdictErrors,
			Panics: st.Panics, Overruns: st.Overruns, Lost: q.lossCount(),
		}
		for _, k := range kernel {
			// Whose number it is does not matter to the one that has it.
			if k.Queue == s.Number && q.unbindable() == nil {
				s.Waiting, s.KernelDropped, s.UserDropped = uint64(k.Waiting), uint64(k.QueueDropped), uint64(k.UserDropped)
			}
		}
		out[i] = s
	}
	return out
}

func flowStatus(st conntrack.Stats) api.FlowStatus {
	return api.FlowStatus{
		Live: st.Flows, Max: st.MaxFlows, HalfOpen: st.HalfOpen, MaxHalfOpen: st.MaxHalfOpen,
		Created: st.Inserted, Expired: st.Expired,
		EvictedHalfOpen: st.EvictedHalfOpen, EvictedUnreplied: st.EvictedUnreplied, EvictedClosed: st.EvictedClosed,
		Untracked: st.Untracked, MaxUntracked: st.MaxUntracked, EvictedUntracked: st.EvictedUntracked,
		RefusedFull: st.RefusedFull, Revoked: st.Revoked,
	}
}

// verdicts lists accepted packets first, then dropped ones, each by number.
func verdicts(counts filter.Counts) []api.VerdictCount {
	out := []api.VerdictCount{}
	for reason, n := range counts {
		out = append(out, api.VerdictCount{
			Verdict: explain.Word(filter.Verdict{Reason: reason}), Reason: reason.String(), Packets: n,
		})
	}
	slices.SortFunc(out, func(a, b api.VerdictCount) int {
		return cmp.Or(cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// Explain implements [control.Backend].
func (d *daemon) Explain(_ context.Context, in api.Query) (api.Explanation, error) {
	d.mu.Lock()
	facts := d.facts
	d.mu.Unlock()
	// What is in force, and not what is about to be.
	rs := d.engine.Ruleset()
	q, full, notices, err := explain.Parse(in, rs.Policy(), facts.Facts)
	if err != nil {
		return api.Explanation{}, failure(err)
	}
	doc := explain.Run(rs, d.engine.Flows(), d.engine.Now(), q, full)
	doc.Source, doc.Notices = d.cfg.PolicyFile, notices
	return doc, nil
}
