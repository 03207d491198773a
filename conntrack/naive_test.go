package conntrack

import "time"

// naiveTable is a second implementation of the table, slow and obvious: one map, and
// sequence numbers unwrapped to 64 bits so that "before" is "<". It shares no code with
// the table, only the names of states, classes and flags.
type naiveTable struct {
	maxFlows, maxHalfOpen int
	shares                naiveShares
	flows                 map[Tuple]*naiveFlow
	entered               int // counts how often a flow entered an eviction queue
	stats                 Stats
}

type naiveFlow struct {
	class    Class
	state    State
	opener   Direction
	rule     uint32
	created  Time
	deadline Time // first instant at which it has expired
	entered  int  // when it entered its eviction queue
	requests int  // UDP: packets of the opener
	answers  int  // UDP: packets of the other side that found a request without an answer
	packets  [2]uint32
	bytes    [2]uint64

	side     [2]naiveSide
	synAcked bool // the opener acknowledged a SYN that crossed its own
	claimed  string
	claimBy  Direction
	claim    uint32
}

func newNaive(maxFlows, maxHalfOpen int) *naiveTable {
	return &naiveTable{maxFlows: maxFlows, maxHalfOpen: maxHalfOpen, flows: map[Tuple]*naiveFlow{},
		shares: naiveShares{}}
}

// roundUp rounds to the table's resolution of time.
func roundUp(t Time) Time {
	g := Time(Granularity)
	return (t + g - 1) / g * g
}

// sweep removes every expired flow.
func (w *naiveTable) sweep(now Time) {
	for k, f := range w.flows {
		if now >= f.deadline {
			delete(w.flows, k)
			w.stats.Expired++
		}
	}
}

// get returns the live flow of a tuple.
func (w *naiveTable) get(k Tuple, now Time) *naiveFlow {
	f := w.flows[k]
	if f != nil && now >= f.deadline {
		delete(w.flows, k)
		w.stats.Expired++
		return nil
	}
	return f
}

func (f *naiveFlow) halfOpen() bool {
	return f.state == StateSynSent || f.state == StateSynRecv || f.state == StatePickup
}

func (f *naiveFlow) closed() bool { return f.state == StateTimeWait || f.state == StateClose }

// kind names what shares a limit, "" for an open connection, which has none.
func (f *naiveFlow) kind() string {
	switch {
	case f.closed():
		return "closed"
	case f.halfOpen():
		return "half-open"
	case f.class == ClassQuery:
		return "query"
	case f.class == ClassUDP && f.state == StateStream:
		return "stream"
	case f.class == ClassUDP:
		return "datagram"
	case f.class == ClassOther:
		return "other"
	}
	return ""
}

// states counts the flows one by one.
func (w *naiveTable) states() (out States) {
	of := map[string]*int{"": &out.Open, "half-open": &out.HalfOpen, "closed": &out.Closed,
		"datagram": &out.Datagrams, "stream": &out.Streams, "query": &out.Queries,
		"other": &out.Others}
	for _, f := range w.flows {
		*of[f.kind()]++
	}
	return out
}

func (w *naiveTable) insert(
	k Tuple, p PacketMeta, rule uint32, tmo Timeouts, now Time,
) InsertResult {
	var kind string
	switch p.Class {
	case ClassTCP:
		if kind = plain(p.TCP.Flags); kind != "syn" && kind != "ack" {
			return NotTracked
		}
	case ClassQuery:
		if p.Reply {
			return NotTracked
		}
	}
	old := w.flows[k]
	begun := map[Class]string{
		ClassTCP: "half-open", ClassUDP: "datagram", ClassQuery: "query", ClassOther: "other",
	}[p.Class]
	if !w.makeRoom(k.Scope(), begun, old) {
		w.stats.RefusedFull++
		return TableFull
	}
	if old != nil {
		w.stats.Replaced++
	}
	w.entered++
	f := &naiveFlow{
		class: p.Class, state: StateUnreplied, opener: p.Dir, rule: rule, created: now,
		entered: w.entered, requests: 1,
	}
	seq := int64(p.TCP.Seq) + 1<<40
	switch kind {
	case "syn":
		f.state = StateSynSent
		f.side[p.Dir] = naiveSide{known: true, end: seq + 1, top: seq + 1 + int64(p.TCP.Len)}
	case "ack":
		f.state = StatePickup
		f.side[p.Dir] = naiveSide{known: true, end: seq, top: seq + int64(p.TCP.Len), ack: p.TCP.Ack}
	}
	w.flows[k] = f
	f.add(p)
	f.restartTimer(tmo, now)
	w.stats.Inserted++
	return Inserted
}

func (f *naiveFlow) add(p PacketMeta) {
	f.packets[p.Dir]++
	f.bytes[p.Dir] += uint64(p.Bytes)
}

func (f *naiveFlow) restartTimer(tmo Timeouts, now Time) {
	sec := map[State]int64{
		StateSynSent: 120, StateSynRecv: 60, StatePickup: 300, StateFinWait: 120,
		StateLastAck: 30, StateTimeWait: 120, StateClose: 10,
	}[f.state]
	d := Time(sec) * Time(time.Second)
	switch {
	case f.state == StateEstablished:
		d = f.acknowledgedOr300(Time(tmo.Established))
	case f.state == StateCloseWait:
		d = f.acknowledgedOr300(Time(tmo.HalfClosed))
	case f.class == ClassUDP && f.state == StateStream:
		d = Time(tmo.UDPStream)
	case f.class == ClassUDP:
		d = Time(tmo.UDP)
	case f.class == ClassQuery:
		d = Time(30 * time.Second)
	case f.class == ClassOther:
		d = Time(600 * time.Second)
	}
	f.deadline = roundUp(now + d)
}

// acknowledgedOr300 returns d or, while something is not acknowledged, at most 300 s.
func (f *naiveFlow) acknowledgedOr300(d Time) Time {
	for i, s := range f.side {
		if near(f.side[1-i].ack, s.end) < s.end {
			return min(d, Time(300*time.Second))
		}
	}
	return d
}

func (f *naiveFlow) assess(p PacketMeta) Outcome {
	switch {
	case p.Class != f.class:
		return OutcomeRules
	case p.Class == ClassQuery && p.Reply == (p.Dir == f.opener):
		return OutcomeRules
	case p.Class != ClassTCP:
		return OutcomeMember
	}
	kind := plain(p.TCP.Flags)
	if kind == "" {
		return OutcomeRules
	}
	if kind != "syn" {
		return OutcomeMember
	}
	if f.closed() || f.state == StateLastAck {
		return OutcomeReopen
	}
	me := f.side[p.Dir]
	repeats := p.TCP.Seq+1 == uint32(me.end)
	if f.state == StateSynRecv {
		repeats = repeats || p.TCP.Seq+1+p.TCP.Len == uint32(me.end)
	}
	crosses := f.state == StateSynSent && p.Dir != f.opener
	if crosses || (f.state == StateSynSent || f.state == StateSynRecv) && repeats {
		return OutcomeMember
	}
	return OutcomeRules
}

func (w *naiveTable) update(k Tuple, p PacketMeta, o Outcome, tmo Timeouts, now Time) {
	f := w.flows[k]
	if o == OutcomeRules && f.class == ClassTCP && p.Class == ClassTCP &&
		plain(p.TCP.Flags) == "syn" {
		f.claimed, f.claimBy, f.claim = "syn", p.Dir, p.TCP.Seq+1
	}
	if o != OutcomeMember {
		return
	}
	was := *f
	refresh := true
	switch f.class {
	case ClassTCP:
		if plain(p.TCP.Flags) == "synack" &&
			f.claimed == "syn" && f.claimBy != p.Dir && f.claim == p.TCP.Ack {
			w.restart(k, p, tmo, now)
			return
		}
		kind, opening := plain(p.TCP.Flags), f.state == StateSynSent || f.state == StateSynRecv
		refresh = f.tcp(p.Dir, p.TCP, kind) || opening && (kind == "ack" || kind == "fin")
	case ClassUDP:
		switch {
		case p.Dir == f.opener:
			f.requests++
		case f.answers < f.requests:
			f.answers++
		}
		switch {
		case f.answers >= 2:
			f.state = StateStream
		case f.requests >= 2 && f.answers == 1:
			f.state = StateAsked
		case f.answers == 1:
			f.state = StateReplied
		}
	default:
		if p.Dir != f.opener {
			f.state = StateReplied
		}
	}
	f.add(p)
	if f.state != was.state {
		refresh = true
		if was.kind() != f.kind() {
			w.entered++
			f.entered = w.entered
			if f.kind() != "" {
				w.makeRoomOfKind(k.Scope(), f.kind(), f, 0)
			}
		}
		if f.state == StateClose {
			w.stats.ClosedRST++
		}
		if f.state == StateTimeWait {
			w.stats.ClosedFIN++
		}
	}
	if refresh {
		f.restartTimer(tmo, now)
	}
}

// restart replaces a flow after the other side accepted a SYN that the rules let pass.
func (w *naiveTable) restart(k Tuple, p PacketMeta, tmo Timeouts, now Time) {
	f := w.flows[k]
	if !w.makeRoom(k.Scope(), "half-open", f) {
		return
	}
	w.entered++
	w.stats.Restarted++
	n := &naiveFlow{
		class: ClassTCP, state: StateSynRecv, opener: f.claimBy, rule: f.rule,
		created: now, entered: w.entered,
	}
	a := int64(f.claim) + 1<<40
	b := int64(p.TCP.Seq) + 1<<40
	n.side[n.opener] = naiveSide{known: true, end: a, top: a}
	n.side[p.Dir] = naiveSide{known: true, end: b + 1, top: b + 1 + int64(p.TCP.Len), ack: p.TCP.Ack}
	w.flows[k] = n
	n.add(p)
	n.restartTimer(tmo, now)
}
