package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/source"
	"sgfw/filter"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

// candidate is a policy on its way to be enforced.
type candidate struct {
	// source is the text that the policy is from.
	source   source.Revision
	policy   *policy.Policy
	problems policy.Problems // warnings and notices
	members  *member.Membership
	// base is the compiled policy, and rs the same bound to the devices.
	base, rs *filter.Ruleset
	// facts are those that it was compiled for.
	facts machine
}

// machine is what is true of this machine at one moment.
type machine struct {
	links.Snapshot
	// resolvers are the name servers that it uses; unread says why they are not
	// known, "" if they are.
	resolvers []netip.Addr
	unread    string
}

// bind binds a compiled policy to the machine.
func (m machine) bind(rs *filter.Ruleset) *filter.Ruleset {
	return rs.WithResolvers(m.resolvers).WithLinks(m.Facts.Links)
}

// look reads what is true of the machine now. No file is read: the name servers
// are those that were last heard of. The caller holds mu.
func (d *daemon) look() (machine, error) {
	s, err := d.links.Read()
	return machine{Snapshot: s, resolvers: d.facts.resolvers, unread: d.facts.unread}, err
}

// load compiles a policy for the facts; name is what its positions call it.
// Nothing is changed but the compiler's memory of rule ids.
func (d *daemon) load(name string, source source.Revision, facts machine) (*candidate, error) {
	p, problems, err := file.Parse(name, source.Text)
	if err != nil {
		return nil, err
	}
	p = p.WithIDs(d.ids)
	if err := enslaved(p, facts.Snapshot); err != nil {
		return nil, err
	}
	n := &candidate{source: source, facts: facts, policy: p, problems: slices.Concat(problems, absent(p, facts.Snapshot), mistaken(p, facts.Snapshot))}
	n.members = member.Resolve(p, facts.Facts)
	n.base = d.compiler.Compile(p, n.members)
	n.rs = facts.bind(n.base)
	return n, nil
}

// guard asks whether the ruleset would lock out a live SSH session; caller is
// SSH_CONNECTION of whoever wants the ruleset. It returns the number of sessions
// that it found.
func guard(rs *filter.Ruleset, caller string) (sessions int, err error) {
	found, err := ssh.Find(caller)
	if err != nil {
		return 0, fmt.Errorf("look for live SSH sessions: %w", err)
	}
	return len(found), ssh.Check(rs, found)
}

// slaves says of every managed device that it belongs to another one.
func slaves(p *policy.Policy, facts links.Snapshot) []string {
	var out []string
	devices := p.Devices()
	for _, l := range facts.Facts.Links {
		m, ok := facts.Masters[l.Name]
		if !ok {
			continue
		}
		if _, managed := devices.Match(l.Name); managed {
			out = append(out, fmt.Sprintf("%s belongs to %s (%s): its packets appear on %s, manage that instead", l.Name, m.Name, m.Kind, m.Name))
		}
	}
	return out
}

func enslaved(p *policy.Policy, facts links.Snapshot) error {
	if out := slaves(p, facts); len(out) > 0 {
		return fmt.Errorf("%w: %s", ErrEnslaved, strings.Join(out, "; "))
	}
	return nil
}

// maxAbsent bounds the devices that absent names.
const maxAbsent = 5

// absent notes the devices that do not exist yet: they are covered as soon as
// they do.
func absent(p *policy.Policy, facts links.Snapshot) policy.Problems {
	var out policy.Problems
	var names []string
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		found := false
		for _, l := range facts.Facts.Links {
			found = found || in.Matches(l.Name)
		}
		if !found {
			names = append(names, in.Device)
			out = append(out, policy.Problem{
				Pos: in.Pos, Field: "device", Severity: policy.SeverityNotice,
				Message: fmt.Sprintf("no device %s exists now; it is covered as soon as it appears", in.Device),
			})
		}
	}
	if len(out) <= maxAbsent {
		return out
	}
	return policy.Problems{{
		Pos: policy.Pos{File: out[0].Pos.File}, Field: "device", Severity: policy.SeverityNotice,
		Message: fmt.Sprintf("no devices %s and %d others exist now; each is covered as soon as it appears",
			strings.Join(names[:maxAbsent], ", "), len(names)-maxAbsent),
	}}
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
		for _, a := range in.Addresses {
			if device, ours := facts.Device(a); ours {
				out = append(out, policy.Problem{
					Pos: in.Pos, Field: "addresses", Severity: policy.SeverityWarning,
					Message: fmt.Sprintf("%s is this machine's own address on %s, not one of the guest behind %s", a, device, in.Device),
					Hint:    "list the addresses of the guest",
				})
			}
		}
	}
	return out
}

// tablePlan is the table that the policy asks for, over the queues that are bound.
func (d *daemon) tablePlan(p *policy.Policy) nft.Plan {
	out := nft.Plan{
		QueueBase: d.queueBase, QueueCount: uint16(len(d.queues)), Balance: d.balance,
		Gone: p.Settings.OnGone, Without: p.Settings.CutFailsafes,
	}
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		out.Devices = append(out.Devices, nft.Device{Name: in.Device, Mode: in.Mode})
	}
	return out
}
