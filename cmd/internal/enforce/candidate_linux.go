package enforce

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/source"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/devices"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

// candidate is a policy on its way to be enforced.
type candidate struct {
	// revision is the text that the policy is from.
	revision source.Revision
	policy   *policy.Policy
	problems policy.Problems // warnings and notices
	members  *member.Membership
	// base is the compiled policy, and rs the same bound to the devices.
	base, rs *filter.Ruleset
	// machine is what it was compiled for.
	machine machine
}

// machine is what is true of this machine at one moment.
type machine struct {
	// Altnames in Snapshot include those that kept has.
	links.Snapshot
	// kept are altnames that their devices have lost, see [machine.keeping].
	kept map[string]bool
	// resolvers are the name servers that it uses; unread says why they are not
	// known, "" if they are.
	resolvers []netip.Addr
	unread    string
}

func (m *machine) setResolvers(list []netip.Addr, unread error) {
	m.resolvers, m.unread = list, ""
	if unread != nil {
		m.unread = unread.Error()
	}
}

// bind binds a compiled policy to the machine.
func (m machine) bind(rs *filter.Ruleset) *filter.Ruleset {
	return rs.WithResolvers(m.resolvers).WithLinks(m.Facts.Links)
}

// look reads what is true of the machine now. No file is read: the name servers
// are those that were last heard of.
func (f *inForce) look(l *links.Watcher) (machine, error) {
	s, err := l.Read()
	return f.at(s), err
}

// at is what is true of the machine once its links are these.
func (f *inForce) at(s links.Snapshot) machine {
	m := f.machine
	if f.current != nil {
		s, m.kept = keeping(m.Snapshot, s, f.current.policy)
	}
	m.Snapshot = s
	return m
}

// compile makes a candidate of a revision; name is what its positions call it. Nothing is
// changed but the compiler's memory of rule ids. The caller holds mu, or has the compiler
// for itself.
func (e *Enforcer) compile(with *filter.Compiler, name string, r source.Revision, m machine,
) (*candidate, error) {
	p, problems, err := file.Parse(name, r.Text)
	if err != nil {
		return nil, err
	}
	p = p.WithIDs(e.disk.ids)
	c := &candidate{
		revision: r, machine: m, policy: p,
		problems: slices.Concat(problems, source.Untrusted(name, r.Writers),
			devices.Missing(p, m.Facts), twins(p, m.Snapshot), ports(p, m.Snapshot),
			mistaken(p, m.Snapshot), devices.BridgesOnWire(p, m.Facts, m.Filtering())),
	}
	c.members = member.Resolve(p, m.Facts)
	c.base = with.Compile(p, c.members)
	c.rs = m.bind(c.base)
	return c, nil
}

// guard asks whether the ruleset would lock out a live SSH session; caller is
// SSH_CONNECTION of whoever wants the ruleset. It returns the number of sessions
// that it found. Once something is in force, sessions that it has ended do not count.
func (e *Enforcer) guard(rs *filter.Ruleset, caller string) (sessions int, err error) {
	found, err := ssh.Find(caller)
	if err != nil {
		return 0, fmt.Errorf("look for live SSH sessions: %w", err)
	}
	if e.engine != nil {
		found = ssh.Living(e.engine.Ruleset(), e.engine.Flows(), e.engine.Now(), found)
	}
	return len(found), ssh.Check(rs, found)
}

// tablePlan is the table that the policy asks for, over the queues that are bound.
func (e *Enforcer) tablePlan(p *policy.Policy, s links.Snapshot) nft.Plan {
	out := nft.Plan{
		Bridges:   managedBridges(p, s),
		QueueBase: e.queues.base, QueueCount: uint16(len(e.queues.queues)), Balance: e.queues.balance,
		Gone: p.Settings.OnGone, Without: p.Settings.CutFailsafes,
	}
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		out.Devices = append(out.Devices, nft.Device{
			Name: in.Device, Mode: in.Mode, View: in.View})
	}
	if e.carried != nil {
		out.Offload = carriedBy(p.Settings, e.maxFlows)
	}
	e.failures.plan(&out, p.Settings)
	number(&out, p, s)
	return out
}

func (e *Enforcer) logProblems(ps policy.Problems) {
	for _, p := range ps {
		level := slog.LevelInfo
		if p.Severity == policy.SeverityWarning {
			level = slog.LevelWarn
		}
		e.log.Log(context.Background(), level, p.Error())
	}
}
