package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/resolvers"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

func (p *program) explainCommand() *cobra.Command {
	var q api.Query
	var ingress, egress bool
	var config string
	var kind, code uint8
	var id uint16
	c := &cobra.Command{
		Use:   "explain --proto PROTO --from ADDR[:PORT] --to ADDR[:PORT] [flags]",
		Short: "Say what would happen to one packet, and why",
		Long: `Say what would happen to one packet and why: the interface and direction,
exemption and live flow, every group that was tried, the rule that permits the
packet or those that came nearest with the fields that differ, and what would
happen to the answer. No packet is sent.

Of a packet that is dropped, or whose answer is, it says first all that stops it
and then what lets it pass: the nearest packet, the smallest rule, and a group that
is there already, each with everything else that has to change. The judge was asked
about each of them. Lines of the policy are printed as they stand in the file.

With -c a policy file is asked, else the running daemon with its live flows.
The interface may be left out if the policy has only one, or if an address is
that of an interface or of a guest; and the machine's own address always: ":443"
is a port of its. The direction may be left out, too, if the machine's own address
is, or is one of the interface. A packet from one guest to another is judged twice,
and both judgements are shown.

An ICMP error also passes by the packet that it is about: one of a live flow, or
one that this machine could not deliver for a guest. --about says which: protocol,
source and destination. The source may be left out: it is where the error goes.`,
		Example: `  sgfw explain --ingress --proto tcp --from 198.51.100.10 --to :22
  sgfw explain -c web.yaml --egress --proto udp --from :0 --to 192.0.2.53:53
  sgfw explain --ingress -i eth0 --proto icmp --from 203.0.113.9 --icmp-type 8
  sgfw explain --from 10.0.1.1 --to 10.0.1.10 --about tcp,192.0.2.5:443`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(c)
	dir := stateFlag(c)
	f := c.Flags()
	f.StringVarP(&config, "config", "c", "", "ask this policy file instead of the running daemon")
	f.StringVarP(&q.Interface, "interface", "i", "", "device that the packet crosses")
	f.BoolVar(&ingress, "ingress", false, "the packet enters the machine")
	f.BoolVar(&egress, "egress", false, "the packet leaves the machine")
	f.StringVar(&q.Direction, "direction", "", "ingress or egress")
	f.StringVarP(&q.Protocol, "proto", "p", "", "tcp, udp, icmp, icmpv6 or a number")
	f.StringVar(&q.From, "from", "",
		"source: ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT; PORT may be a service such as ssh")
	f.StringVar(&q.To, "to", "", "destination, in the same forms")
	f.StringVar(&q.Segment, "segment", "",
		"TCP segment: syn, syn-ack, ack, fin or rst (default: syn, or ack of a live flow)")
	f.Uint8Var(&kind, "icmp-type", 0, "ICMP type (default: echo request)")
	f.Uint8Var(&code, "icmp-code", 0, "ICMP code")
	f.Uint16Var(&id, "id", 0, "ICMP identifier")
	f.StringVar(&q.About, "about", "",
		"of an ICMP error: PROTO,FROM,TO of the packet that could not be delivered")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case ingress && egress, (ingress || egress) && f.Changed("direction"):
			return &usageError{errors.New("--ingress, --egress and --direction exclude each other")}
		case ingress:
			q.Direction = "ingress"
		case egress:
			q.Direction = "egress"
		}
		if f.Changed("icmp-type") {
			q.ICMPType = &kind
		}
		if f.Changed("icmp-code") {
			q.ICMPCode = &code
		}
		if f.Changed("id") {
			q.ICMPID = &id
		}
		var doc api.Explanation
		var err error
		if config != "" {
			doc, err = explainFile(config, c.InOrStdin(), *dir, q)
		} else {
			doc, err = control.NewClient(p.socket).Explain(c.Context(), q)
			if codeOf(err) == exitNoDaemon {
				err = fmt.Errorf("%w (hint: -c FILE explains a policy file)", err)
			}
		}
		if err != nil {
			return err
		}
		if *out == formatJSON {
			return p.printJSON(doc)
		}
		return p.printExplanation(p.shown(out), doc)
	}
	return c
}

// explainFile asks a policy file, or stdin for "-", with the addresses
// that the machine has now.
func explainFile(path string, stdin io.Reader, stateDir string, in api.Query) (
	api.Explanation, error) {
	pol, _, err := loadPolicy(&path, stdin, file.Parse)
	if err != nil {
		return api.Explanation{}, err
	}
	pol = pol.WithIDs(machineIDs(stateDir))
	// A file can be explained on a machine that it was not written for.
	live, ferr := liveLinks()
	machine := explain.Machine{Facts: live.Facts, Bridges: live.Bridges()}
	servers, serr := resolvers.SystemFiles.Read()
	rs := filter.Compile(pol, member.Resolve(pol, machine.Facts)).WithResolvers(servers).
		WithLinks(machine.Facts.Links)
	doc, err := explain.Answer(in, rs, nil, 0, machine)
	if err != nil {
		return api.Explanation{}, err
	}
	if ferr != nil {
		doc.Notices = append(doc.Notices, "the addresses of this machine are not known: "+ferr.Error())
	}
	if serr != nil && pol.Settings.Exempt.Has(policy.ExemptResolvers) {
		doc.Notices = append(doc.Notices, "the name servers of this machine are not known: "+serr.Error())
	}
	for x := &doc; x != nil; x = x.Next {
		x.Source = path
	}
	return doc, nil
}

// printExplanation prints the judgement at each interface that the packet crosses.
func (p *program) printExplanation(s screen.Screen, x api.Explanation) error {
	if x.Next == nil {
		return p.printJudgement(s, x)
	}
	refuses := ""
	for next := &x; next != nil; next = next.Next {
		if err := p.printJudgement(s, *next); err != nil {
			return err
		}
		if refuses == "" && next.Verdict != api.VerdictAccept {
			refuses = next.Query.Interface
		}
		fmt.Fprintln(p.out)
	}
	if refuses != "" {
		p.print(s, screen.Bad, "together: drop, both interfaces have to permit it and "+refuses+
			" does not")
	} else {
		p.print(s, screen.Good, "together: accept, both interfaces permit it")
	}
	return nil
}

// printJudgement prints every item of A4 in docs/aws.md, also those that say "none".
func (p *program) printJudgement(s screen.Screen, x api.Explanation) error {
	q := x.Query
	packet := fmt.Sprintf("%s %s -> %s", q.Protocol, explain.EndpointText(q.From),
		explain.EndpointText(q.To))
	if q.Segment != "" {
		packet += ", " + q.Segment
	}
	if q.ICMPType != nil {
		packet += fmt.Sprintf(", type %d code %d id %d", *q.ICMPType, *q.ICMPCode, *q.ICMPID)
	}
	t := facts(p.out, s)
	t.Row("packet", packet)
	if q.About != "" {
		t.Row("about", q.About)
	}
	t.Row("interface", withID(q.Interface, x.InterfaceID))
	if q.Direction != "" {
		t.Row("direction", q.Direction)
	}
	t.Row("verdict", screen.Cell{Style: verdictStyles[x.Verdict],
		Text: fmt.Sprintf("%s (%s): %s", x.Verdict, x.Reason, x.Detail)})
	if len(x.Blocks) > 0 {
		for _, b := range also(x) {
			t.Row("also", screen.Cell{Style: screen.Bad, Text: b.Detail})
		}
		if err := t.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(p.out)
		p.printRemedies(s, x)
		t = facts(p.out, s)
	}
	t.Row("policy", x.Source)
	if x.View != "" {
		t.Row("view", x.View+": "+x.Sees)
	}
	if x.Reason != api.ReasonNotManaged && x.Reason != api.ReasonBridged {
		t.Row("exemption", orNone(x.Exemption))
		t.Row("live flow", flowText(x))
		if tr := x.Tracking; tr != nil {
			t.Row("tracking", fmt.Sprintf("%s (%s)", tr.Detail, tr.Clause))
			for _, r := range []*api.RuleRef{tr.Opening, tr.Return} {
				if r != nil {
					t.Row("", "  "+ruleText(*r))
				}
			}
		}
		for i, g := range x.Groups {
			says := "permits"
			if !g.Permits {
				says = "does not permit"
			}
			t.Row(label("groups", i), fmt.Sprintf("%s: %s, %s", withID(g.Name, g.ID),
				count(g.Rules, q.Direction+" rule"), says))
		}
		if x.ACLRule != nil {
			t.Row("network acl", ruleText(*x.ACLRule))
		}
		if x.Rule != nil {
			t.Row("rule", ruleText(*x.Rule))
		}
		for i, m := range x.Misses {
			t.Row(label("nearest", i), ruleText(m.Rule))
			for _, d := range m.Fields {
				t.Row("", fmt.Sprintf("  %s: the packet has %s, the rule wants %s", d.Field, d.Got, d.Want))
			}
		}
		if x.Code != "" {
			t.Row("code", x.Code)
		}
		if r := x.Reply; r != nil {
			t.Row("reply", fmt.Sprintf("%s: %s (%s); without this flow: %s (%s)", r.Direction, r.Verdict,
				r.Reason, r.Alone, r.AloneReason))
			if rule := permitsReply(r); rule != nil {
				t.Row("", "  "+ruleText(*rule))
			}
		}
	}
	for i, n := range x.Notices {
		t.Row(label("notice", i), n)
	}
	return t.Flush()
}

// also is what else stops a packet, or the answer to it, than the verdict says.
func also(x api.Explanation) (out []api.Block) {
	for _, b := range x.Blocks {
		if b.Return || b.Reason != x.Reason {
			out = append(out, b)
		}
	}
	return out
}

// permitsReply is the rule that lets the answer pass, nil for none. That of the flow is not
// meant: it stands with the packet.
func permitsReply(r *api.Reply) *api.RuleRef {
	if r.AloneRule == nil && r.Reason != filter.ReasonFlow.String() {
		return r.Rule
	}
	return r.AloneRule
}

// verdictStyles are how verdicts look.
var verdictStyles = map[string]screen.Style{
	api.VerdictAccept: screen.Good, api.VerdictDrop: screen.Bad,
}

// label is the word at the first of several rows.
func label(s string, i int) string {
	if i > 0 {
		return ""
	}
	return s
}

// withID is a name and, in brackets, its ID if it is known.
func withID(name, id string) string {
	if id == "" {
		return name
	}
	return name + " (" + id + ")"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func flowText(x api.Explanation) string {
	switch {
	case !x.FlowsKnown:
		return "none (a file has no flows)"
	case x.Flow == nil:
		return "none"
	}
	if !x.Flow.Tracked {
		return fmt.Sprintf("%s, opened by %s, not tracked, remembered for %s", x.Flow.State,
			x.Flow.Direction, screen.Seconds(x.Flow.Expires))
	}
	return fmt.Sprintf("%s, opened by %s %s ago, %s in and %s out, ends in %s", x.Flow.State,
		x.Flow.Direction, screen.Seconds(x.Flow.Age), count(int(x.Flow.Packets.Ingress), "packet"),
		screen.Number(x.Flow.Packets.Egress), screen.Seconds(x.Flow.Expires))
}

// ruleText is one rule in a line: what it is, what it permits, where it stands.
func ruleText(r api.RuleRef) string {
	var b strings.Builder
	b.WriteString(withID(ruleName(&r), cmp.Or(r.ID, r.NetworkACLID)) + ": ")
	if r.Action != "" {
		b.WriteString(r.Action + " ")
	}
	b.WriteString(r.Protocol)
	if r.Ports != "" {
		b.WriteString(" " + r.Ports)
	}
	preposition := "from"
	if r.Direction == "egress" {
		preposition = "to"
	}
	fmt.Fprintf(&b, " %s %s", preposition, r.Peer)
	if r.Description != "" {
		fmt.Fprintf(&b, ", %q", r.Description)
	}
	if r.Line > 0 {
		fmt.Fprintf(&b, " (%s:%d)", r.File, r.Line)
	}
	if r.Gone {
		b.WriteString(", removed since")
	}
	return b.String()
}
