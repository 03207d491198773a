package live

import (
	"net/netip"
	"slices"

	"sgfw/test/wire"
)

// liveStep edits a policy under live flows; false if the daemon must refuse it.
type liveStep func(w liveWorld, p *livePolicy) bool

// liveChange is one line of the matrix: what is done, step by step.
type liveChange struct {
	name   string
	proves []string
	// moves is true if the device's flows do not hold afterwards, or are not judged.
	moves bool
	// hosts is true for what only a host's device can have.
	hosts bool
	steps []liveStep
}

// openers edits the rules of the groups that open flows by themselves.
func openers(f func(r *liveRule) bool) liveStep {
	return func(_ liveWorld, p *livePolicy) bool {
		p.edit("cidr", f)
		p.edit("everybody", f)
		return true
	}
}

// edited is a step that cannot be refused.
func edited(f func(w liveWorld, p *livePolicy)) liveStep {
	return func(w liveWorld, p *livePolicy) bool {
		f(w, p)
		return true
	}
}

var (
	rulesRemoved = openers(func(*liveRule) bool { return false })
	// backRemoved takes the rules for the way back.
	backRemoved = edited(func(_ liveWorld, p *livePolicy) {
		p.edit("base", func(r *liveRule) bool { return r.to != 65535 })
	})
	backAdded = edited(func(w liveWorld, p *livePolicy) {
		like := liveWorld{w.near, w.guest, true}.policy()
		p.groups[slices.IndexFunc(p.groups, isBase)] = like.groups[slices.IndexFunc(like.groups, isBase)]
	})
	trackingSwitched = edited(func(_ liveWorld, p *livePolicy) { p.aws = !p.aws })
	deviceOut        = edited(func(_ liveWorld, p *livePolicy) { p.device = "other0" })
	deviceIn         = edited(func(_ liveWorld, p *livePolicy) { p.device = "eth0" })
	wireView         = edited(func(_ liveWorld, p *livePolicy) { p.view = "wire" })
	localView        = edited(func(_ liveWorld, p *livePolicy) { p.view = "local" })
	asBefore         = edited(func(w liveWorld, p *livePolicy) { *p = w.policy() })
)

func isBase(g liveGroup) bool { return g.name == "base" }

// groups sets those of the interface.
func groups(names ...string) liveStep {
	return edited(func(_ liveWorld, p *livePolicy) { p.attached = names })
}

var liveChanges = []liveChange{
	{name: "rules removed", proves: []string{"T15", "T21", "R44"},
		steps: []liveStep{rulesRemoved, asBefore}},
	{name: "rules narrowed to other ports", proves: []string{"T15", "T21"},
		steps: []liveStep{openers(func(r *liveRule) bool {
			switch r.protocol {
			case wire.ProtoTCP, wire.ProtoUDP:
				r.from, r.to = r.from+5000, r.to+5000
			case wire.ProtoICMP, wire.ProtoICMPv6:
				r.from, r.to = 13, 13
			}
			return true
		})}},
	{name: "rules narrowed to other addresses", proves: []string{"T15", "T21"},
		steps: []liveStep{openers(func(r *liveRule) bool {
			if r.cidr.Addr().Is4() {
				r.cidr = netip.MustParsePrefix("198.51.100.0/24")
			} else {
				r.cidr = netip.MustParsePrefix("2001:db8:ffff::/48")
			}
			return true
		}), asBefore}},
	{name: "rules narrowed to addresses that stay permitted", proves: []string{"T15", "T19"},
		steps: []liveStep{openers(func(r *liveRule) bool {
			if r.cidr.Addr().Is4() {
				r.cidr = netip.MustParsePrefix("10.0.0.0/8")
			} else {
				r.cidr = netip.MustParsePrefix("fd00::/8")
			}
			return true
		}), rulesRemoved}},
	{name: "rules added", proves: []string{"T18", "R44"},
		steps: []liveStep{edited(func(w liveWorld, p *livePolicy) {
			g := &p.groups[slices.IndexFunc(p.groups, func(g liveGroup) bool { return g.name == "cidr" })]
			if more := w.byPrefix(byNothing); p.ingress(w.near) {
				g.ingress = append(g.ingress, more...)
			} else {
				g.egress = append(g.egress, more...)
			}
		}), asBefore}},
	{name: "descriptions", proves: []string{"T21"}, steps: []liveStep{openers(func(r *liveRule) bool {
		r.about = "Another one"
		return true
	}), asBefore}},
	{name: "groups detached", proves: []string{"D6", "T17"},
		steps: []liveStep{groups("named", "base"), groups("base", "named", "everybody", "cidr")}},
	{name: "a group attached", proves: []string{"D6", "T18"},
		steps: []liveStep{groups("late", "cidr", "everybody", "named", "base"), asBefore}},
	{name: "groups swapped", proves: []string{"D6", "T17"},
		steps: []liveStep{groups("late", "named", "base"), groups("everybody", "late", "base")}},
	{name: "more groups than an interface may have", proves: []string{"T21"}, steps: []liveStep{
		func(_ liveWorld, p *livePolicy) bool {
			p.attached = []string{"late", "named", "base", "others", "members", "cidr"}
			return false
		},
		groups("late", "named", "base", "others", "members"),
	}},
	{name: "entries off the prefix lists", proves: []string{"T15"},
		steps: []liveStep{edited(func(_ liveWorld, p *livePolicy) {
			p.lists["l4"], p.lists["l6"] = p.lists["other-l4"], p.lists["other-l6"]
		}), asBefore}},
	{name: "entries on the prefix lists", proves: []string{"T18"},
		steps: []liveStep{edited(func(w liveWorld, p *livePolicy) {
			for family, name := range []string{"l4", "l6"} {
				a := w.peer(family, byNothing)
				p.lists[name] = append(slices.Clone(p.lists[name]), netip.PrefixFrom(a, a.BitLen()))
			}
		}), asBefore}},
	{name: "the lists of the rules swapped", proves: []string{"T15"},
		steps: []liveStep{edited(func(_ liveWorld, p *livePolicy) {
			p.edit("named", func(r *liveRule) bool {
				if r.list != "" {
					r.list = "other-" + r.list
				}
				return true
			})
		}), asBefore}},
	{name: "a member gone", proves: []string{"R27", "T15"},
		steps: []liveStep{edited(func(_ liveWorld, p *livePolicy) {
			delete(p.members, "members")
		}), asBefore}},
	{name: "a member added", proves: []string{"R27", "R31", "T18"},
		steps: []liveStep{edited(func(w liveWorld, p *livePolicy) {
			for family := range 2 {
				a := w.peer(family, byNothing)
				p.members["members"] = append(slices.Clone(p.members["members"]),
					netip.PrefixFrom(a, a.BitLen()))
			}
		}), asBefore}},
	{name: "the group of the rules swapped", proves: []string{"R27", "T15"},
		steps: []liveStep{edited(func(_ liveWorld, p *livePolicy) {
			p.edit("named", func(r *liveRule) bool {
				if r.group != "" {
					r.group = "others"
				}
				return true
			})
		})}},
	{name: "rules of the way back", proves: []string{"T19", "T21"},
		steps: []liveStep{backRemoved, backAdded, rulesRemoved}},
	{name: "tracking", proves: []string{"T19", "T21"},
		steps: []liveStep{trackingSwitched, rulesRemoved, asBefore}},
	{name: "tracking and the rules of the way back", proves: []string{"T19", "T21"}, steps: []liveStep{
		edited(func(w liveWorld, p *livePolicy) {
			trackingSwitched(w, p)
			if w.aws {
				backRemoved(w, p)
			} else {
				backAdded(w, p)
			}
		}),
		rulesRemoved, trackingSwitched,
	}},
	{name: "errors", steps: []liveStep{
		edited(func(_ liveWorld, p *livePolicy) { p.errorsByRules = true }), asBefore}},
	{name: "timers", proves: []string{"T21"},
		steps: []liveStep{edited(func(_ liveWorld, p *livePolicy) {
			p.timers = "tcp_established_timeout: 600, udp_timeout: 60, udp_stream_timeout: 60"
		}), asBefore}},
	// Nothing is rewritten here, so both views show the same.
	{name: "the view", proves: []string{"T15", "T21"},
		steps: []liveStep{wireView, rulesRemoved, localView, asBefore}},
	{name: "the view without rules", proves: []string{"T15"}, steps: []liveStep{
		edited(func(w liveWorld, p *livePolicy) {
			wireView(w, p)
			rulesRemoved(w, p)
		}),
		edited(func(w liveWorld, p *livePolicy) {
			asBefore(w, p)
			localView(w, p)
		}),
	}},

	{name: "the device out of the policy and back", moves: true,
		steps: []liveStep{deviceOut, deviceIn}},
	{name: "the device back without rules", moves: true, proves: []string{"T15"},
		steps: []liveStep{deviceOut, edited(func(w liveWorld, p *livePolicy) {
			deviceIn(w, p)
			rulesRemoved(w, p)
		})}},
	{name: "a scope joined and left", moves: true, hosts: true, proves: []string{"T26"},
		steps: []liveStep{
			edited(func(_ liveWorld, p *livePolicy) { p.scope = "uplinks" }), asBefore,
		}},
	{name: "a scope joined without rules", moves: true, hosts: true, proves: []string{"T26"},
		steps: []liveStep{
			edited(func(w liveWorld, p *livePolicy) {
				p.scope = "uplinks"
				rulesRemoved(w, p)
			}), asBefore,
		}},
	{name: "the other mode and back", moves: true, steps: []liveStep{
		edited(func(_ liveWorld, p *livePolicy) {
			p.guest, p.scope = !p.guest, ""
		}), asBefore,
	}},
}
