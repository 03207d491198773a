package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

func (p *program) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what the running daemon enforces and counts",
		Long: `Show the state of the running daemon: policy and generation, interfaces with
the devices that they cover now, what is exempt from rules, the nftables table,
queues, flow table, and packets by verdict and reason. Every kind of loss has a
counter of its own. On a terminal that is what is good to know; -o wide adds the
rest.

Where no daemon answers it says, as root, what the machine is without one: open,
or closed by the table of a daemon that died, and on which devices.`,
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
		return p.printStatus(p.shown(out), s)
	}
	return c
}

// printStatus prints what is good to know, and on a wide screen all.
func (p *program) printStatus(s screen.Screen, d api.Status) error {
	all := s.Width == 0
	t := facts(p.out, s)
	stateFacts(t, d)
	p.networkFacts(t, d, all)
	policyFacts(t, d, all)
	datapathFacts(t, d, all)
	flowFacts(t, d, all)
	flowLogFacts(t, d)
	failureFacts(t, d, all)
	metricsFacts(t, d)
	if !all {
		brieflyCounted(t, d)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	tables := []func(screen.Screen, api.Status) error{p.interfaceTable, p.groupTable, p.aclTable}
	if all {
		tables = append(tables, p.listTable, p.exemptionTable, p.queueTable, p.verdictTable)
	}
	for _, table := range tables {
		if err := table(s, d); err != nil {
			return err
		}
	}
	if !all {
		fmt.Fprintln(p.out)
		p.note("-o wide adds IDs, quotas, prefix lists, exemptions, queues and the nftables table")
	}
	return nil
}

// stateFacts say how the daemon is.
func stateFacts(t *screen.Table, s api.Status) {
	style := screen.Good
	if s.State != api.StateRunning {
		style = screen.Bad
	}
	t.Row("state", screen.Cell{Style: style, Text: s.State})
	for _, d := range s.Degraded {
		t.Row("", screen.Cell{Style: screen.Bad, Text: d})
	}
	for i, w := range s.Warnings {
		text := w.Message
		if w.Hint != "" {
			text += " (hint: " + w.Hint + ")"
		}
		t.Row(label("warning", i), screen.Cell{Style: screen.Warn, Text: text})
	}
	t.Row("daemon", fmt.Sprintf("PID %d, version %s, since %s", s.PID, s.Version,
		s.Started.Local().Format(time.DateTime)))
}

// networkFacts say where the daemon filters, if that is not where it is looked for.
func (p *program) networkFacts(t *screen.Table, s api.Status, all bool) {
	there := networkOf(s)
	switch {
	case there.Other(p.network):
		t.Row("network", screen.Cell{Style: screen.Warn, Text: fmt.Sprintf(
			"the daemon is in another network namespace than this command: %s", there)})
	case there.Known() && (all || !there.Initial):
		t.Row("network", "namespace "+there.String())
	}
}

// networkOf is the network namespace of a daemon, the zero value if that is not known. One
// of an earlier version does not tell.
func networkOf(s api.Status) process.Namespace {
	if s.Network == nil {
		return process.Of(s.PID).Network
	}
	return process.Namespace(*s.Network)
}

// policyFacts say what is in force, and what is not as it should be about that.
func policyFacts(t *screen.Table, s api.Status, all bool) {
	t.Row("policy", fmt.Sprintf("%s: %s, %s", s.Policy.File, count(s.Policy.Groups, "group"),
		count(s.Policy.Rules, "rule")))
	warn := func(name, text string) { t.Row(name, screen.Cell{Style: screen.Warn, Text: text}) }
	switch {
	case s.Policy.FileUnread != "":
		warn("", "the file cannot be read: "+s.Policy.FileUnread)
	case s.Policy.StandIn != "":
		warn("", "the file was refused at the start: mend it, then sgfw reload")
	case s.Policy.FileDiffers:
		warn("", "the file says something else than what is in force: see sgfw reload --dry-run")
	}
	if s.Policy.Watch {
		t.Row("", "reloaded by itself when the file has settled")
	}
	if why := s.Policy.IDsNotKept; why != "" {
		warn("", "IDs are others than before, or may be after the next start: "+why)
	}
	if pending := s.Policy.Pending; pending != nil {
		warn("unconfirmed", confirmText(*pending))
	}
	if r := s.Policy.RolledBack; r != nil {
		warn("rolled back", fmt.Sprintf("%s: %s", r.At.Local().Format(time.DateTime), r.Why))
	}
	if f := s.Policy.Failure; f != nil {
		warn("refused", fmt.Sprintf("%s, by %s: %s", f.At.Local().Format(time.DateTime), f.By, f.Message))
	}
	if s.LogLost > 0 {
		warn("log", count(s.LogLost, "line")+" lost: whoever reads the daemon's standard error "+
			"does not keep up")
	}
	if all {
		q := s.Quotas
		t.Row("quotas", fmt.Sprintf("groups %s, on an interface %s, rules in a group %s",
			used(q.SecurityGroups), used(q.SecurityGroupsPerInterface), used(q.RulesPerSecurityGroup)))
		if q.PrefixLists.Used > 0 {
			t.Row("", fmt.Sprintf("prefix lists %s, entries in a list %s", used(q.PrefixLists),
				used(q.PrefixListEntries)))
		}
		if q.NetworkACLs.Used > 0 {
			t.Row("", fmt.Sprintf("network ACLs %s, rules in a network ACL %s", used(q.NetworkACLs),
				used(q.RulesPerNetworkACL)))
		}
	}
	if s.Policy.Preset != nil {
		t.Row("preset", presetText(s.Policy.Preset))
	}
	if all || s.Policy.Tracking == policy.TrackingAWS.String() {
		t.Row("tracking", trackingText(s))
	}
}

// datapathFacts say how packets come to the daemon, and what passes beside it.
func datapathFacts(t *screen.Table, s api.Status, all bool) {
	if all || s.Policy.Datapath != string(policy.DatapathUserspace) {
		t.Row("datapath", datapathText(s))
	}
	if names := exemptionNames(s, api.KindFailsafe, api.ExemptionOff); len(names) > 0 {
		t.Row("SWITCHED OFF", screen.Cell{Style: screen.Warn,
			Text: "failsafes that the rules decide about: " + strings.Join(names, ", ")})
	}
	if names := exemptionNames(s, api.KindService, api.ExemptionOn); len(names) > 0 {
		t.Row("exempt", "whatever the rules say: "+strings.Join(names, ", "))
	}
	t.Row("generation", fmt.Sprintf("%d, file loaded %s", s.Policy.Generation,
		s.Policy.Loaded.Local().Format(time.DateTime)))
	if all {
		t.Row("table", fmt.Sprintf("%s, owned %s, persistent %s, reassembly by %s, repaired %d times",
			s.Table.Name, yesNo(s.Table.Owner), yesNo(s.Table.Persist), s.Table.Reassembly,
			s.Table.Repaired))
		t.Row("hooks", fmt.Sprintf("%s at priority %d, to queues %s by the %s expression",
			strings.Join(s.Table.Hooks, ", "), s.Table.Priority, queueRange(s.Queues),
			s.Table.QueueExpression))
		if len(s.Table.WireHooks) > 0 {
			t.Row("", "view: wire: "+strings.Join(s.Table.WireHooks, ", "))
		}
	}
	if len(s.Table.MissingFailsafes) > 0 {
		t.Row("", screen.Cell{Style: screen.Warn, Text: "failsafes that this kernel cannot express: " +
			strings.Join(s.Table.MissingFailsafes, ", ")})
	}
	for i, n := range s.Interference {
		t.Row(label("interfered", i), screen.Cell{Style: screen.Warn, Text: interferenceText(n)})
	}
}

// datapathText is which datapath is in force, why, and how much passed without a verdict of
// its own.
func datapathText(s api.Status) string {
	text := s.Policy.Datapath
	if s.Policy.DatapathWhy != "" { // a daemon of an earlier version does not say
		text += ": " + s.Policy.DatapathWhy
	}
	if o := s.Offload; o != nil {
		text += fmt.Sprintf("; the kernel passed %s packets by itself, %s bytes, %d %% of all",
			screen.Number(o.Packets), screen.Number(o.Bytes), o.Percent)
	}
	return text
}

// flowFacts say how full the flow table is.
func flowFacts(t *screen.Table, s api.Status, all bool) {
	f := s.Flows
	text := fmt.Sprintf("%s of %s, half-open %s of %s", screen.Number(f.Live), screen.Number(f.Max),
		screen.Number(f.HalfOpen), screen.Number(f.MaxHalfOpen))
	if all {
		text += fmt.Sprintf(", created %s, expired %s", screen.Number(f.Created),
			screen.Number(f.Expired))
	}
	t.Row("flows", text)
	keptFacts(t, s, all)
	if o := s.Offload; o != nil {
		text := fmt.Sprintf("carried by the kernel: %s of %s, new %s of %s",
			screen.Number(o.Flows), screen.Number(o.Max), screen.Number(o.Opening),
			screen.Number(o.MaxOpening))
		if o.NoRoom > 0 {
			text += fmt.Sprintf("; no room %s times", screen.Number(o.NoRoom))
		}
		t.Row("", text)
	}
	if all || f.Evicted()+f.RefusedFull > 0 {
		t.Row("", fmt.Sprintf("evicted: half-open %s, unreplied %s, answered %s, closed %s; refused: %s",
			screen.Number(f.EvictedHalfOpen), screen.Number(f.EvictedUnreplied),
			screen.Number(f.EvictedAnswered), screen.Number(f.EvictedClosed),
			screen.Number(f.RefusedFull)))
	}
	if s.Policy.Tracking == policy.TrackingAWS.String() || f.Untracked > 0 {
		t.Row("", fmt.Sprintf("untracked: %s remembered, at most %s; evicted: %s",
			screen.Number(f.Untracked), screen.Number(f.MaxUntracked), screen.Number(f.EvictedUntracked)))
	}
}

// keptFacts say which flows an earlier daemon left, and what became of them.
func keptFacts(t *screen.Table, s api.Status, all bool) {
	k := s.Kept
	if k == nil {
		return
	}
	warn := func(text string) { t.Row("", screen.Cell{Style: screen.Warn, Text: text}) }
	if k.Error != "" {
		warn("a restart would lose them: " + k.Error)
	}
	if k.Unused != "" {
		warn("those of an earlier daemon were left: " + k.Unused)
	}
	if f := k.Taken; f != nil && (all || f.Restored+f.Left() > 0) {
		text := "taken over from an earlier daemon: " + screen.Number(f.Restored)
		if why := f.Why(); why != "" {
			text += "; left out: " + why
		}
		if t.Row("", text); f.Left() > 0 {
			warn("what was left out begins anew if rules permit it")
		}
	}
	if all {
		t.Row("", "kept in "+k.File+", counted since "+k.Since.Local().Format(time.DateTime))
	}
}

// failureFacts say which failures there were, and which have packets pass.
func failureFacts(t *screen.Table, s api.Status, all bool) {
	shown := 0
	for _, f := range s.Failures {
		if !all && f.Times == 0 && f.Action == policy.FailDrop.String() {
			continue
		}
		text := fmt.Sprintf("%s: %s", f.Cause, f.Action)
		if f.Times > 0 {
			text += fmt.Sprintf(", %s times, %s packets", screen.Number(f.Times), screen.Number(f.Packets))
		}
		cell := screen.Cell{Text: text}
		if f.Active {
			cell = screen.Cell{Text: text + ", now", Style: screen.Bad}
		}
		t.Row(label("on failure", shown), cell)
		shown++
	}
}

// brieflyCounted are packets by verdict and reason, and what was lost.
func brieflyCounted(t *screen.Table, s api.Status) {
	sums, reasons := map[string]uint64{}, map[string][]string{}
	for _, v := range s.Verdicts {
		sums[v.Verdict] += v.Packets
		reasons[v.Verdict] = append(reasons[v.Verdict], v.Reason+" "+screen.Number(v.Packets))
	}
	for _, verdict := range []struct{ word, name string }{
		{api.VerdictAccept, "accepted"}, {api.VerdictDrop, "dropped"}} {
		text := screen.Number(sums[verdict.word])
		if list := reasons[verdict.word]; len(list) > 0 {
			text += ": " + strings.Join(list, ", ")
		}
		t.Row(verdict.name, text)
	}
	var lost []string
	for _, n := range losses(s) {
		if n.packets > 0 {
			lost = append(lost, n.cause+" "+screen.Number(n.packets))
		}
	}
	if len(lost) > 0 {
		t.Row("lost", screen.Cell{Style: screen.Bad, Text: strings.Join(lost, ", ")})
	}
}

// loss is how many packets no verdict of ours decided about.
type loss struct {
	cause   string
	packets uint64
}

// losses sums up those of all queues.
func losses(s api.Status) []loss {
	l := []loss{{cause: "queue full"}, {cause: "socket full"}, {cause: "overruns"},
		{cause: "queue taken"},
		{cause: "verdicts refused"}, {cause: "panics"}}
	for _, q := range s.Queues {
		for i, n := range []uint64{q.KernelDropped, q.UserDropped, q.Overruns, q.Lost, q.VerdictErrors,
			q.Panics} {
			l[i].packets += n
		}
	}
	return l
}
