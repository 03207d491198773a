package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// interfaceTable lists the interfaces with the devices that they cover now.
func (p *program) interfaceTable(s screen.Screen, d api.Status) error {
	t := p.section(s,
		screen.Column{Head: "INTERFACE", Fit: screen.Folded, Least: 9},
		screen.Column{Head: "MODE", Fit: screen.Folded, Least: 6},
		screen.Column{Head: "GROUPS", Fit: screen.Folded, Least: 14, Roomy: 30},
		screen.Column{Head: "DEVICE"},
		screen.Column{Head: "ID", Rank: 2},
		screen.Column{Head: "FLOWS", Right: true, Rank: 2},
		screen.Column{Head: "GUARANTEED", Right: true, Rank: 2},
		screen.Column{Head: "ADDRESSES", Fit: screen.Folded, Least: 15, Roomy: 26},
	)
	for _, in := range d.Interfaces {
		groups, mode := strings.Join(in.Groups, ","), in.Mode
		if in.View == policy.ViewWire.String() {
			mode += " view:" + in.View
		}
		if in.Scope != "" {
			mode += " " + api.ScopePrefix + in.Scope
		}
		if len(in.Covered) == 0 {
			t.Row(in.Device, mode, groups, "-", cmp.Or(in.ID, "-"), "-", "-", nothingCovered(in))
		}
		for _, dev := range in.Covered {
			t.Row(in.Device, mode, groups, dev.Name, cmp.Or(dev.ID, "-"), dev.Flows, dev.GuaranteedFlows,
				strings.Join(dev.Addresses, " "))
		}
	}
	return t.Flush()
}

// nothingCovered says why an interface covers no device.
func nothingCovered(in api.InterfaceStatus) screen.Cell {
	switch in.Missing {
	case api.MissingUnknown:
		return screen.Cell{Style: screen.Warn, Text: "no such device: filters nothing"}
	case api.MissingLater:
		return screen.Cell{Text: "not there yet"}
	}
	return screen.Cell{Text: "others go first"}
}

// groupTable lists the groups that are attached somewhere with what they use of their
// quota.
func (p *program) groupTable(s screen.Screen, d api.Status) error {
	number := func(head string) screen.Column { return screen.Column{Head: head, Right: true} }
	t := p.section(s,
		screen.Column{Head: "GROUP", Fit: screen.Folded, Least: 16, Roomy: 30},
		screen.Column{Head: "ID", Rank: 2},
		number("INGRESS-IPV4"), number("INGRESS-IPV6"), number("EGRESS-IPV4"), number("EGRESS-IPV6"),
		number("QUOTA"),
	)
	idle := 0
	for _, g := range d.Groups {
		if !g.Attached {
			idle++
			continue
		}
		t.Row(g.Name, cmp.Or(g.ID, "-"), g.Ingress.IPv4, g.Ingress.IPv6, g.Egress.IPv4, g.Egress.IPv6,
			g.Quota)
	}
	err := t.Flush()
	if idle > 0 && err == nil {
		_, err = fmt.Fprintf(p.out, "(%s attached nowhere)\n", count(idle, "group"))
	}
	return err
}

// aclTable lists the network ACLs, if there are any, with the interfaces that have them and
// what they use of their quota.
func (p *program) aclTable(s screen.Screen, d api.Status) error {
	if len(d.NetworkACLs) == 0 {
		return nil
	}
	number := func(head string) screen.Column { return screen.Column{Head: head, Right: true} }
	t := p.section(s,
		screen.Column{Head: "NETWORK-ACL", Fit: screen.Folded, Least: 11, Roomy: 24},
		screen.Column{Head: "ID", Rank: 2},
		number("IN-IPV4"), number("IN-IPV6"), number("OUT-IPV4"), number("OUT-IPV6"), number("QUOTA"),
		screen.Column{Head: "ON", Fit: screen.Folded, Least: 9, Roomy: 26},
	)
	for _, n := range d.NetworkACLs {
		on := screen.Cell{Text: strings.Join(n.Interfaces, " ")}
		if len(n.Interfaces) == 0 {
			on = screen.Cell{Style: screen.Warn, Text: "no interface"}
		}
		t.Row(n.Name, cmp.Or(n.ID, "-"), n.Ingress.IPv4, n.Ingress.IPv6, n.Egress.IPv4, n.Egress.IPv6,
			n.Quota, on)
	}
	return t.Flush()
}

// listTable lists the prefix lists, if there are any.
func (p *program) listTable(s screen.Screen, d api.Status) error {
	if len(d.PrefixLists) == 0 {
		return nil
	}
	t := p.section(s, screen.Column{Head: "PREFIX-LIST"}, screen.Column{Head: "ID"},
		screen.Column{Head: "ENTRIES", Right: true}, screen.Column{Head: "MAX-ENTRIES", Right: true})
	for _, l := range d.PrefixLists {
		t.Row(l.Name, cmp.Or(l.ID, "-"), l.Entries, l.MaxEntries)
	}
	return t.Flush()
}

// exemptionTable lists what passes whatever the rules say.
func (p *program) exemptionTable(s screen.Screen, d api.Status) error {
	t := p.section(s, screen.Column{Head: "EXEMPTION"}, screen.Column{Head: "STATE"},
		screen.Column{Head: "PACKETS", Right: true}, screen.Column{Head: "WHAT", Fit: screen.Folded})
	for _, x := range d.Exemptions {
		t.Row(x.Name, x.State, packetsText(x.Packets), exemptionText(x))
	}
	return t.Flush()
}

// queueTable lists the queues with what was lost.
func (p *program) queueTable(s screen.Screen, d api.Status) error {
	var columns []screen.Column
	for _, head := range []string{"QUEUE", "PACKETS", "ACCEPTED", "DROPPED", "MALFORMED", "WAITING",
		"LOST-FULL", "LOST-SOCKET", "OVERRUNS", "LOST-QUEUE"} {
		columns = append(columns, screen.Column{Head: head, Right: head != "QUEUE"})
	}
	t := p.section(s, columns...)
	for _, q := range d.Queues {
		t.Row(q.Number, q.Packets, q.Accepted, q.Dropped, q.Malformed, q.Waiting, q.KernelDropped,
			q.UserDropped, q.Overruns, q.Lost)
	}
	return t.Flush()
}

// verdictTable counts packets by verdict and reason, those of the kernel's rules too.
func (p *program) verdictTable(s screen.Screen, d api.Status) error {
	t := p.section(s, screen.Column{Head: "VERDICT"}, screen.Column{Head: "REASON"},
		screen.Column{Head: "PACKETS", Right: true})
	for _, v := range d.Verdicts {
		t.Row(screen.Cell{Style: verdictStyles[v.Verdict], Text: v.Verdict}, v.Reason, v.Packets)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Table.Counters)) {
		if n := d.Table.Counters[name]; n > 0 {
			t.Row("kernel", name, n)
		}
	}
	return t.Flush()
}
