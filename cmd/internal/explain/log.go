package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// established are the reasons of packets that go on with what was permitted before
// or, untracked or exempt, do so for the most part.
var established = filter.ReasonsOf(filter.ReasonFlow, filter.ReasonRelated, filter.ReasonUntracked,
	filter.ReasonBridged, filter.ReasonExemptResolvers, filter.ReasonExemptMetadata,
	filter.ReasonExemptTime)

// unreadable is the word for all faults of the parser.
const unreadable = "packet"

// SelectVerdicts understands a query for verdicts. Errors match [ErrQuestion].
func SelectVerdicts(q api.LogQuery) (filter.Selection, error) {
	s := filter.Selection{Reasons: filter.Everything, Device: q.Interface, Group: q.Group,
		Protocol: -1, Port: -1}
	wrong := func(err error) (filter.Selection, error) {
		return s, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	switch q.Verdict {
	case "":
	case api.VerdictDrop:
		s.Reasons = filter.Dropping
	case api.VerdictAccept:
		s.Reasons &^= filter.Dropping
	default:
		return wrong(fmt.Errorf("verdict %q is neither %s nor %s", q.Verdict, api.VerdictAccept,
			api.VerdictDrop))
	}
	if len(q.Reasons) > 0 {
		var named filter.ReasonSet
		for _, name := range q.Reasons {
			set := reasonsNamed(name)
			if set == 0 {
				return wrong(fmt.Errorf("reason %q is none of %s", name, strings.Join(ReasonNames(), ", ")))
			}
			named |= set
		}
		s.Reasons &= named
	} else if !q.Established {
		s.Reasons &^= established
	}
	if !q.Follow && s.Reasons&^filter.Dropping != 0 {
		s.Reasons &= filter.Dropping
		if s.Reasons == 0 {
			return wrong(fmt.Errorf("what passes is not remembered: follow the log to see it"))
		}
	}
	if s.Reasons == 0 {
		return wrong(fmt.Errorf("no verdict can be of this kind"))
	}
	if q.Protocol != "" {
		p, problem := policy.ParseProtocol(q.Protocol)
		if problem != nil {
			return wrong(*problem)
		}
		s.Protocol = int(p)
	}
	if q.Port != 0 {
		s.Port = int(q.Port)
	}
	if q.Address != "" {
		var err error
		if s.Prefix, err = parsePrefix(q.Address); err != nil {
			return wrong(err)
		}
	}
	if q.Rate < 0 || q.Limit < 0 {
		return wrong(fmt.Errorf("a number of verdicts is negative"))
	}
	return s, nil
}

// ReasonNames are the words for reasons that a query knows.
func ReasonNames() []string {
	var out []string
	for _, r := range filter.Reasons() {
		if !r.IsFault() {
			out = append(out, r.String())
		}
	}
	return append(out, unreadable)
}

// reasonsNamed returns the reasons of one word, none if there is no such word.
func reasonsNamed(name string) (set filter.ReasonSet) {
	for _, r := range filter.Reasons() {
		if r.String() == name || r.IsFault() && name == unreadable {
			set |= filter.ReasonsOf(r)
		}
	}
	return set
}

// Recorder turns verdicts into documents, under the ruleset that gave them or a later
// one. It is for one goroutine.
type Recorder struct{ parts }

// NewRecorder returns a Recorder for verdicts under a ruleset.
func NewRecorder(rs *filter.Ruleset) *Recorder { return &Recorder{newParts(rs)} }

// Ruleset returns the ruleset.
func (w *Recorder) Ruleset() *filter.Ruleset { return w.of }

// Record is the document of a verdict that was given at a time, but for Nearest.
func (w *Recorder) Record(r *filter.Record, at time.Time) api.LogRecord {
	doc := api.LogRecord{
		Schema: api.Schema, Type: api.LogVerdict, Time: at.UTC(),
		Verdict: Word(r.Verdict), Reason: r.Verdict.Reason.String(),
		Interface: r.Device, Length: r.Length,
	}
	if r.Verdict.Scope != 0 {
		doc.Direction = r.Verdict.Direction.String()
		doc.InterfaceID = w.interfaceID(r.Device)
	}
	doc.Rule = w.rule(r.Verdict.Rule)
	if !r.Parsed() {
		return doc
	}
	doc.Protocol = policy.Protocol(r.Tuple.Proto()).String()
	from, to := r.Tuple.Remote.Netip(), r.Tuple.Local.Netip()
	fromPort, toPort := r.Tuple.RemotePort, r.Tuple.LocalPort
	if r.Verdict.Direction == conntrack.Egress {
		from, to, fromPort, toPort = to, from, toPort, fromPort
	}
	doc.From, doc.To = from.String(), to.String()
	switch r.Kind {
	case packet.KindTCP:
		doc.TCPFlags = flagNames(r.Flags)
		fallthrough
	case packet.KindUDP:
		doc.From, doc.To = netip.AddrPortFrom(from, fromPort).String(),
			netip.AddrPortFrom(to, toPort).String()
	case packet.KindICMP, packet.KindICMPv6:
		doc.ICMPType, doc.ICMPCode = &r.ICMPType, &r.ICMPCode
	}
	return doc
}

// Drop is the document of equal drops, but for Nearest. at tells when a moment of the
// engine's clock was.
func (w *Recorder) Drop(d *filter.Drop, at func(conntrack.Time) time.Time) api.LogRecord {
	doc := w.Record(&d.Record, at(d.Time))
	first := at(d.First).UTC()
	doc.Count, doc.First = d.Count, &first
	return doc
}

// Nearest is the rule that came nearest to permitting a dropped packet, nil if it
// was not dropped for want of a rule. It asks every rule, which takes its time
// where there are many.
func Nearest(rs *filter.Ruleset, r *filter.Record) *api.Miss {
	misses := filter.Nearest(rs, r)
	if len(misses) == 0 {
		return nil
	}
	out := miss(rs.Policy().IDs, misses[0])
	return &out
}

// flagNames lists the flags of a TCP segment in the order of their weight.
func flagNames(f conntrack.TCPFlags) []string {
	var out []string
	for _, flag := range []struct {
		bit  conntrack.TCPFlags
		name string
	}{{conntrack.SYN, "syn"}, {conntrack.ACK, "ack"}, {conntrack.FIN, "fin"}, {conntrack.RST, "rst"},
		{conntrack.PSH, "psh"}} {
		if f&flag.bit != 0 {
			out = append(out, flag.name)
		}
	}
	return slices.Clip(out)
}

// miss turns a near miss into its document.
func miss(ids policy.IDs, m filter.Miss) api.Miss {
	out := api.Miss{Rule: *Rule(ids, m.Rule), Fields: []api.Difference{}}
	for _, f := range m.Fields {
		out.Fields = append(out.Fields, api.Difference(f))
	}
	return out
}
