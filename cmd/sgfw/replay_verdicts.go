package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/pcap"
	"sgfw/cmd/internal/replay"
	"sgfw/cmd/internal/screen"
	"sgfw/filter"
)

// judge is one policy that a capture is judged by.
type judge struct {
	machine   *replay.Machine
	recorder  *explain.Recorder
	selection filter.Selection
}

// opinion is what a judge makes of a packet.
type opinion struct {
	sight filter.Sight
	part  api.CapturePart // with the verdict
	// selected: the terms hold for it.
	selected bool
	err      error // why there is none
}

// replayer judges a capture and prints what comes of it.
type replayer struct {
	*program
	format         format
	diff, recorded bool
	judges         []*judge

	totals   api.ReplayTotals
	changed  uint64
	skipped  map[string]uint64
	rulesets map[uint64]struct{}
}

// maxRulesets bounds the rulesets that are counted of a capture, and maxCauses the causes
// that are told apart.
const (
	maxRulesets = 1 << 16
	maxCauses   = 64
)

// add adds a policy.
func (r *replayer) add(cfg replay.Config, where string) error {
	m := replay.NewMachine(cfg)
	s, err := explain.SelectPackets(api.CaptureQuery{Where: where}, m.Ruleset())
	r.judges = append(r.judges, &judge{m, explain.NewRecorder(m.Ruleset()), s})
	return err
}

// judge judges a packet.
func (j *judge) judge(p *replay.Passage) (o opinion) {
	o.sight, o.err = j.machine.Judge(p)
	if rs := j.machine.Ruleset(); rs != j.recorder.Ruleset() {
		j.recorder = explain.NewRecorder(rs)
	}
	switch {
	case errors.Is(o.err, replay.ErrUnmanaged):
		o.sight.Verdict = filter.Verdict{Reason: filter.ReasonUnmanaged}
	case o.err != nil:
		return o
	}
	o.part = j.recorder.Captured(&o.sight, p.Time, func(uint32) string { return "" })
	if o.err != nil { // nobody asks sgfw about it
		o.part.Verdict = &api.LogRecord{Schema: api.Schema, Type: api.LogVerdict, Time: p.Time,
			Verdict: api.VerdictAccept, Reason: api.ReasonNotManaged}
		return o
	}
	o.selected = j.selection.Matches(j.recorder.Ruleset(), &o.sight.Record)
	return o
}

// run judges all packets of a capture. A file that ends within a packet is judged up to
// there.
func (r *replayer) run(p *replay.Player, name string) error {
	r.skipped, r.rulesets = make(map[string]uint64), make(map[uint64]struct{})
	for {
		packet, err := p.Next()
		if err == io.EOF || errors.Is(err, pcap.ErrCut) {
			r.totals.Cut = err != io.EOF
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.packet(&packet); err != nil {
			return err
		}
	}
	r.sum(p)
	if err := r.summary(); err != nil {
		return err
	}
	if t := &r.totals; t.Accepted+t.Dropped == 0 && t.Packets > 0 {
		return fmt.Errorf("%s: no packet could be judged\n"+
			"(hint: -i DEVICE says where it was captured, --own DEVICE=ADDRESS which addresses are its own)",
			name)
	}
	if r.diff && r.changed > 0 || r.recorded && r.totals.Otherwise > 0 {
		return errDifferent
	}
	return nil
}

// packet judges one packet by all policies, and prints it if it is asked for.
func (r *replayer) packet(p *replay.Passage) error {
	opinions := make([]opinion, len(r.judges))
	unmanaged, selected := 0, false
	for i, j := range r.judges {
		o := j.judge(p)
		if errors.Is(o.err, replay.ErrUnmanaged) {
			unmanaged++
		} else if o.err != nil {
			r.skip(o.err.Error(), 1)
			return nil
		}
		selected = selected || o.selected
		opinions[i] = o
	}
	if unmanaged == len(r.judges) {
		r.skip(replay.ErrUnmanaged.Error(), 1)
		return nil
	}
	now := &opinions[len(opinions)-1]
	part := api.ReplayPart{Schema: api.Schema, Type: api.ReplayPacket, Packet: p.Number,
		Verdict: now.part.Verdict, Before: now.part.Before, After: now.part.After}
	if !p.Time.IsZero() {
		if r.totals.First == nil {
			r.totals.First = &p.Time
		}
		r.totals.Last = &p.Time
	}
	if part.Verdict.Verdict == api.VerdictAccept {
		r.totals.Accepted++
	} else {
		r.totals.Dropped++
	}
	same := r.compare(p, &part)
	if r.diff {
		part.Old = opinions[0].part.Verdict
		if part.Old.Verdict == part.Verdict.Verdict {
			return nil
		}
		r.changed++
	}
	if !selected || r.recorded && same {
		return nil
	}
	for i, v := range []*api.LogRecord{part.Old, part.Verdict} {
		if v != nil && v.Reason == filter.ReasonNoRule.String() {
			at := min(i, len(opinions)-1)
			v.Nearest = explain.Nearest(r.judges[at].recorder.Ruleset(), &opinions[at].sight.Record)
		}
	}
	return r.print(&part)
}

// compare compares a verdict with what the capture says, and reports whether they are the
// same.
func (r *replayer) compare(p *replay.Passage, part *api.ReplayPart) bool {
	n := p.Note
	if n == nil {
		return true
	}
	if len(r.rulesets) < maxRulesets {
		r.rulesets[n.Ruleset] = struct{}{}
	}
	state := func(s string) string { return strings.TrimPrefix(s, replay.NoFlow) }
	part.Recorded = &api.RecordedVerdict{Verdict: n.Verdict, Reason: n.Reason, Rule: n.Rule,
		Before: state(n.Before), After: state(n.After)}
	rule := ""
	if part.Verdict.Rule != nil {
		rule = ruleName(part.Verdict.Rule)
	}
	same := n.Verdict == part.Verdict.Verdict && n.Reason == part.Verdict.Reason && n.Rule == rule
	if same {
		r.totals.AsRecorded++
	} else {
		r.totals.Otherwise++
	}
	return same
}

func (r *replayer) skip(cause string, n uint64) {
	if _, known := r.skipped[cause]; !known && len(r.skipped) == maxCauses {
		cause = "for other causes"
	}
	r.skipped[cause] += n
}

// sum completes the totals.
func (r *replayer) sum(p *replay.Player) {
	r.totals.Packets, r.totals.Rulesets = p.Packets(), len(r.rulesets)
	noIP, unknown := p.Alien()
	if noIP > 0 {
		r.skip("no IP", noIP)
	}
	for link, n := range unknown {
		r.skip(link.String()+" is not known", n)
	}
	if r.diff {
		r.totals.Changed = &r.changed
	}
	r.totals.Skipped = []api.ReplaySkip{}
	for cause, n := range r.skipped {
		r.totals.Skipped = append(r.totals.Skipped, api.ReplaySkip{Cause: cause, Packets: n})
	}
	slices.SortFunc(r.totals.Skipped, func(a, b api.ReplaySkip) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Cause, b.Cause))
	})
}

// print prints a packet.
func (r *replayer) print(part *api.ReplayPart) error {
	if r.format == formatJSON {
		return r.line(part)
	}
	s := r.shown(&r.format)
	first := part.Verdict
	if part.Old != nil {
		first = part.Old
		if first.Reason == api.ReasonNotManaged { // of it nothing else is known
			full := *part.Verdict
			full.Verdict, full.Reason, full.Rule, full.Nearest = first.Verdict, first.Reason, nil, nil
			first = &full
		}
	}
	number := fmt.Sprintf("#%d ", part.Packet)
	fmt.Fprint(r.out, number)
	beside := s
	if s.Width > 0 {
		beside.Width = max(s.Width-len(number), 1)
	}
	if err := r.printLine(beside, *first); err != nil {
		return err
	}
	brief := s.Width > 0
	why := func(v api.LogRecord) string {
		return strings.Join(r.lineParts(api.LogRecord{Reason: v.Reason, Rule: v.Rule,
			Nearest: v.Nearest}, brief), " ")
	}
	if part.Old != nil {
		r.second(s, fmt.Sprintf("now %s %s", part.Verdict.Verdict, why(*part.Verdict)))
	}
	if n := part.Recorded; r.recorded && n != nil {
		r.second(s, fmt.Sprintf("recorded %s (%s) %s", n.Verdict, n.Reason,
			n.Rule))
	}
	return nil
}

// second prints the second line of a packet.
func (r *replayer) second(s screen.Screen, text string) {
	r.program.print(s, screen.Plain, "    "+strings.TrimSpace(text))
}

// line prints a document in a line of its own.
func (r *replayer) line(part *api.ReplayPart) error {
	b, err := json.Marshal(part)
	if err == nil {
		_, err = fmt.Fprintf(r.out, "%s\n", b)
	}
	return err
}

// summary says what became of all packets.
func (r *replayer) summary() error {
	t := &r.totals
	if r.format == formatJSON {
		return r.line(&api.ReplayPart{Schema: api.Schema, Type: api.ReplaySummary, Summary: t})
	}
	text := fmt.Sprintf("%s: %s accepted, %s dropped", count(t.Packets, "packet"),
		screen.Number(t.Accepted), screen.Number(t.Dropped))
	if r.diff {
		text = fmt.Sprintf("%s: %s judged otherwise by the new policy, which accepts %s and drops %s",
			count(t.Packets, "packet"), screen.Number(r.changed), screen.Number(t.Accepted),
			screen.Number(t.Dropped))
	}
	if t.AsRecorded+t.Otherwise > 0 {
		text += fmt.Sprintf("; %s as recorded, %s otherwise", screen.Number(t.AsRecorded),
			screen.Number(t.Otherwise))
	}
	r.note("%s", text)
	if t.Rulesets > 1 {
		r.note("the rules changed while the capture was made: %s decided",
			count(uint64(t.Rulesets), "ruleset"))
	}
	for _, s := range t.Skipped {
		r.note("not judged: %s: %s", count(s.Packets, "packet"), s.Cause)
	}
	if t.Cut {
		r.note("the file ends within a packet")
	}
	return nil
}
