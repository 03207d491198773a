package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/source"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/member"
)

// witness is what a running daemon knows of its policy.
type witness struct {
	file string
	// since is from when on each rule of the policy counts: the daemon's start, or later, when
	// it took the policy. A rule may be as new as that.
	since time.Time
	hits  map[ruleKey]uint64
	seen  map[ruleKey]*audit.Seen
	// facts are those of this machine, live whether it is the daemon's.
	facts member.Facts
	live  bool
}

// ruleKey is what a rule says, in the words of the daemon's answers.
type ruleKey struct{ group, direction, protocol, ports, peer string }

func keyOf(r *api.RuleRef) ruleKey {
	return ruleKey{r.Group, r.Direction, r.Protocol, r.Ports, r.Peer}
}

// witness asks the daemon.
func (p *program) witness(ctx context.Context) (*witness, error) {
	client := control.NewClient(p.socket)
	s, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.Policy.File == source.StdinName {
		return nil, errors.New("the daemon's policy came through a pipe and is in no file: " +
			"name what was piped, sgfw audit FILE")
	}
	w := &witness{file: s.Policy.File, hits: map[ruleKey]uint64{}, seen: map[ruleKey]*audit.Seen{}}
	if s.Policy.FileDiffers || s.Policy.StandIn != "" {
		p.note("%s says something else than what is in force; what it says is audited", w.file)
	}
	rules, err := client.Rules(ctx, api.RulesQuery{})
	if err != nil {
		return nil, err
	}
	if w.since = rules.Since; s.Policy.Loaded.After(w.since) {
		w.since = s.Policy.Loaded
	}
	for i := range rules.Rules {
		if r := &rules.Rules[i]; r.Attached && !r.Gone {
			w.hits[keyOf(&r.RuleRef)] += r.Hits
		}
	}
	err = client.Flows(ctx, api.FlowQuery{}, func(api.FlowsHeader) error { return nil },
		func(f api.Flow) error {
			w.add(&f)
			return nil
		})
	if err != nil {
		return nil, err
	}
	if s.Network == nil || s.Network.Inode == p.network.Inode {
		here, err := p.links()
		if err != nil {
			return nil, err
		}
		w.facts, w.live = here.Facts, true
	}
	return w, nil
}

// add remembers a live flow by its rule.
func (w *witness) add(f *api.Flow) {
	if f.Rule == nil || f.Rule.Gone {
		return
	}
	protocol, bad := policy.ParseProtocol(f.Protocol)
	if bad != nil {
		return
	}
	port, at := -1, f.Local
	if f.Direction == policy.Egress.String() {
		at = f.Remote
	}
	if a, err := netip.ParseAddrPort(at); err == nil && protocol.HasPorts() {
		port = int(a.Port())
	}
	remote, err := netip.ParseAddr(f.Remote)
	if err != nil {
		a, err := netip.ParseAddrPort(f.Remote)
		if err != nil {
			return
		}
		remote = a.Addr()
	}
	name := keyOf(f.Rule)
	if w.seen[name] == nil {
		w.seen[name] = &audit.Seen{}
	}
	w.seen[name].Add(protocol, port, remote.Unmap())
}

// tell tells an audit of a policy what was seen.
func (w *witness) tell(p *policy.Policy, o *audit.Options) {
	o.Members, o.Live = member.Resolve(p, w.facts), w.live
	o.Observed = &audit.Observed{Since: w.since, Hits: map[audit.Use]uint64{},
		Seen: map[audit.Use]*audit.Seen{}}
	for i := range p.Groups {
		g := &p.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				name := keyOf(explain.Rule(policy.IDs{}, filter.RuleInfo{Group: g.Name,
					Direction: conntrack.Direction(d), Rule: r}))
				use := audit.Use{Group: g.Name, Direction: d, Rule: r.ID()}
				if n, known := w.hits[name]; known {
					o.Observed.Hits[use] = n
				}
				if s := w.seen[name]; s != nil {
					o.Observed.Seen[use] = s
				}
			}
		}
	}
}
