package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/policy"
)

func (p *program) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what the running daemon enforces and counts",
		Long: `Show the state of the running daemon: policy and generation, interfaces with
the devices that they cover now, what is exempt from rules, the nftables table,
queues, flow table, and packets by verdict and reason. Every kind of loss has a
counter of its own.`,
		Example: `  sgfw status
  sgfw status -o json | jq .state`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := control.NewClient(p.socket).Status(c.Context())
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(s)
		}
		return p.printStatus(s)
	}
	return c
}

func (p *program) printStatus(s api.Status) error {
	t := newTable(p.out)
	t.row("state", s.State)
	for _, d := range s.Degraded {
		t.row("", d)
	}
	t.row("daemon", fmt.Sprintf("PID %d, version %s, since %s", s.PID, s.Version,
		s.Started.Local().Format(time.DateTime)))
	t.row("policy", fmt.Sprintf("%s: %s, %s", s.Policy.File, count(s.Policy.Groups, "group"),
		count(s.Policy.Rules, "rule")))
	switch {
	case s.Policy.FileUnread != "":
		t.row("", "the file cannot be read: "+s.Policy.FileUnread)
	case s.Policy.FileDiffers:
		t.row("", "the file says something else than what is in force: see sgfw reload --dry-run")
	}
	if s.Policy.Watch {
		t.row("", "reloaded by itself when the file has settled")
	}
	if why := s.Policy.IDsNotKept; why != "" {
		t.row("", "IDs are others than before, or may be after the next start: "+why)
	}
	if pending := s.Policy.Pending; pending != nil {
		t.row("unconfirmed", confirmText(*pending))
	}
	if r := s.Policy.RolledBack; r != nil {
		t.row("rolled back", fmt.Sprintf("%s: %s", r.At.Local().Format(time.DateTime), r.Why))
	}
	if f := s.Policy.Failure; f != nil {
		t.row("refused", fmt.Sprintf("%s, by %s: %s", f.At.Local().Format(time.DateTime), f.By,
			f.Message))
	}
	if s.LogLost > 0 {
		t.row("log", count(int(s.LogLost), "line")+" lost: whoever reads the daemon's standard error "+
			"does not keep up")
	}
	q := s.Quotas
	t.row("quotas", fmt.Sprintf("groups %s, on an interface %s, rules in a group %s",
		used(q.SecurityGroups), used(q.SecurityGroupsPerInterface), used(q.RulesPerSecurityGroup)))
	if q.PrefixLists.Used > 0 {
		t.row("", fmt.Sprintf("prefix lists %s, entries in a list %s", used(q.PrefixLists),
			used(q.PrefixListEntries)))
	}
	t.row("tracking", trackingText(s))
	t.row("datapath", s.Policy.Datapath)
	if names := exemptionNames(s, api.KindFailsafe, api.ExemptionOff); len(names) > 0 {
		t.row("SWITCHED OFF", "failsafes that the rules decide about: "+strings.Join(names, ", "))
	}
	if names := exemptionNames(s, api.KindService, api.ExemptionOn); len(names) > 0 {
		t.row("exempt", "whatever the rules say: "+strings.Join(names, ", "))
	}
	t.row("generation", fmt.Sprintf("%d, file loaded %s", s.Policy.Generation,
		s.Policy.Loaded.Local().Format(time.DateTime)))
	t.row("table", fmt.Sprintf("%s, owned %s, persistent %s, reassembly by %s, repaired %d times",
		s.Table.Name, yesNo(s.Table.Owner), yesNo(s.Table.Persist), s.Table.Reassembly, s.Table.Repaired))
	t.row("hooks", fmt.Sprintf("%s at priority %d, to queues %s by the %s expression",
		strings.Join(s.Table.Hooks, ", "), s.Table.Priority, queueRange(s.Queues),
		s.Table.QueueExpression))
	if len(s.Table.MissingFailsafes) > 0 {
		t.row("", "failsafes that this kernel cannot express: "+
			strings.Join(s.Table.MissingFailsafes, ", "))
	}
	for i, n := range s.Interference {
		label := ""
		if i == 0 {
			label = "interfered"
		}
		t.row(label, interferenceText(n))
	}
	f := s.Flows
	t.row("flows", fmt.Sprintf("%d of %d, half-open %d of %d, created %d, expired %d",
		f.Live, f.Max, f.HalfOpen, f.MaxHalfOpen, f.Created, f.Expired))
	t.row("", fmt.Sprintf("evicted: half-open %d, unreplied %d, closed %d; refused: %d",
		f.EvictedHalfOpen, f.EvictedUnreplied, f.EvictedClosed, f.RefusedFull))
	if s.Policy.Tracking == policy.TrackingAWS.String() || f.Untracked > 0 {
		t.row("", fmt.Sprintf("untracked: %d remembered, at most %d; evicted: %d", f.Untracked,
			f.MaxUntracked, f.EvictedUntracked))
	}
	if err := t.flush(); err != nil {
		return err
	}

	t = p.section("INTERFACE", "MODE", "GROUPS", "DEVICE", "ID", "ADDRESSES")
	for _, in := range s.Interfaces {
		groups, mode := strings.Join(in.Groups, ","), in.Mode
		if in.Scope != "" {
			mode += " " + api.ScopePrefix + in.Scope
		}
		if len(in.Covered) == 0 {
			t.row(in.Device, mode, groups, "-", cmp.Or(in.ID, "-"), "no such device now")
		}
		for _, d := range in.Covered {
			t.row(in.Device, mode, groups, d.Name, cmp.Or(d.ID, "-"), strings.Join(d.Addresses, " "))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}

	t = p.section("GROUP", "ID", "INGRESS-IPV4", "INGRESS-IPV6", "EGRESS-IPV4", "EGRESS-IPV6", "QUOTA")
	idle := 0
	for _, g := range s.Groups {
		if !g.Attached {
			idle++
			continue
		}
		t.row(g.Name, cmp.Or(g.ID, "-"), g.Ingress.IPv4, g.Ingress.IPv6, g.Egress.IPv4, g.Egress.IPv6,
			g.Quota)
	}
	if idle > 0 {
		t.row(fmt.Sprintf("(%s attached nowhere)", count(idle, "group")))
	}
	if err := t.flush(); err != nil {
		return err
	}

	if len(s.PrefixLists) > 0 {
		t = p.section("PREFIX-LIST", "ID", "ENTRIES", "MAX-ENTRIES")
		for _, l := range s.PrefixLists {
			t.row(l.Name, cmp.Or(l.ID, "-"), l.Entries, l.MaxEntries)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}

	t = p.section("EXEMPTION", "STATE", "PACKETS", "WHAT")
	for _, x := range s.Exemptions {
		t.row(x.Name, x.State, packetsText(x.Packets), exemptionText(x))
	}
	if err := t.flush(); err != nil {
		return err
	}

	t = p.section("QUEUE", "PACKETS", "ACCEPTED", "DROPPED", "MALFORMED", "WAITING", "LOST-FULL",
		"LOST-SOCKET", "OVERRUNS", "LOST-QUEUE")
	for _, q := range s.Queues {
		t.row(q.Number, q.Packets, q.Accepted, q.Dropped, q.Malformed, q.Waiting, q.KernelDropped,
			q.UserDropped, q.Overruns, q.Lost)
	}
	if err := t.flush(); err != nil {
		return err
	}

	t = p.section("VERDICT", "REASON", "PACKETS")
	for _, v := range s.Verdicts {
		t.row(v.Verdict, v.Reason, v.Packets)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Table.Counters)) {
		if n := s.Table.Counters[name]; n > 0 {
			t.row("kernel", name, n)
		}
	}
	return t.flush()
}

// used is how much of a quota is used.
func used(q api.QuotaStatus) string { return fmt.Sprintf("%d of %d", q.Used, q.Quota) }

// trackingText says which flows outlive their rules.
func trackingText(s api.Status) string {
	if s.Policy.Tracking == policy.TrackingAWS.String() {
		return "aws: flows that rules for everybody permit both ways are untracked and end with their " +
			"rule"
	}
	return s.Policy.Tracking + ": every flow outlives the rule that permitted it"
}

// queueRange is the first and the last number of consecutive queues.
func queueRange(q []api.QueueStatus) string {
	if len(q) == 0 {
		return "none"
	}
	first, last := q[0].Number, q[len(q)-1].Number
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// exemptionNames lists the exemptions of a kind that are in a state.
func exemptionNames(s api.Status, kind, state string) (names []string) {
	for _, x := range s.Exemptions {
		if x.Kind == kind && x.State == state {
			names = append(names, x.Name)
		}
	}
	return names
}

// packetsText is a count that may not be known.
func packetsText(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}

// exemptionText says what passes by an exemption, and where.
func exemptionText(x api.Exemption) string {
	var parts []string
	if x.In != "" {
		parts = append(parts, "in "+x.In)
	}
	if x.Out != "" {
		parts = append(parts, "out "+x.Out)
	}
	if x.Kind == api.KindService {
		parts = append(parts, orNone(strings.Join(x.Addresses, " ")))
	}
	return strings.Join(parts, "; ")
}

// interferenceText is one line about another program.
func interferenceText(n api.Interference) string {
	by := "nobody known"
	if n.PID != 0 {
		by = fmt.Sprintf("PID %d", n.PID)
		if n.Process != "" {
			by += fmt.Sprintf(" (%s)", n.Process)
		}
		if n.Port != 0 {
			by += fmt.Sprintf(", netlink port %d", n.Port)
		}
	}
	text := fmt.Sprintf("%s: %s, by %s", n.Last.Local().Format(time.DateTime), n.What, by)
	if n.Count > 1 {
		text += fmt.Sprintf(", %d times", n.Count)
	}
	return text
}

// section begins a table with a heading, after an empty line.
func (p *program) section(heading ...any) table {
	fmt.Fprintln(p.out)
	t := newTable(p.out)
	t.row(heading...)
	return t
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
