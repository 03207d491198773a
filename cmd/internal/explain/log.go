package explain

import (
	"net/netip"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// unreadable is the word for all faults of the parser.
const unreadable = "packet"

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

// tcpFlags are the flags that people hear of, in the order of their weight.
var tcpFlags = []struct {
	bit  conntrack.TCPFlags
	name string
}{{conntrack.SYN, "syn"}, {conntrack.ACK, "ack"}, {conntrack.FIN, "fin"}, {conntrack.RST, "rst"},
	{conntrack.PSH, "psh"}}

// FlagNames are the names of TCP flags that a query knows.
func FlagNames() []string { return flagNames(^conntrack.TCPFlags(0)) }

// flagNames lists the flags of a TCP segment.
func flagNames(f conntrack.TCPFlags) []string {
	var out []string
	for _, flag := range tcpFlags {
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
