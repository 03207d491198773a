package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

var reloadNow = api.ReloadRequest{}

// timerPolicy lets side 0 and side 1 be asked by, and nothing out but GRE. The
// timers are those of AWS on eth0 and the other ends of their ranges on eth1.
const timerPolicy = `version: 1
security_groups:
  - name: asked
    description: What may come in
    ingress: [%[1]s]
    egress:
      - { protocol: 47, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 9, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [asked]%[2]s }
  - { device: eth1, security_groups: [asked], connection_tracking: { tcp_established_timeout: 60,
        udp_timeout: 60, udp_stream_timeout: 60 } }
settings: { queues: { count: 1 } }
`
const (
	// sentinels pass in any case.
	sentinels = `{ protocol: udp, ports: 9, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`
	// questions is what begins the flows of the tests.
	questions = sentinels +
		`, { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }` +
		`, { protocol: udp, ports: 53, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }` +
		`, { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }` +
		`, { protocol: icmpv6, from_port: 128, to_port: -1, ipv6_cidr_blocks: ["::/0"] }`
)

var (
	syn       = segment(true, wire.SYN, 0, 0, "")
	synAck    = segment(false, wire.SYN|wire.ACK, 0, 1, "")
	ack       = segment(true, wire.ACK, 1, 1, "")
	serverAck = segment(false, wire.ACK, 1, 1, "")
	data      = segment(false, wire.ACK|wire.PSH, 1, 1, "data")
	dataAck   = segment(true, wire.ACK, 1, 5, "")
	request   = segment(true, wire.ACK|wire.PSH, 1, 1, "request")
	fin       = segment(true, wire.FIN|wire.ACK, 1, 1, "")
	finAcked  = segment(false, wire.ACK, 1, 2, "")
	serverFin = segment(false, wire.FIN|wire.ACK, 1, 2, "")
	lastAck   = segment(true, wire.ACK, 2, 2, "")
	rst       = segment(true, wire.RST, 1, 0, "")
)

// timed is how long a flow lives after a script without another packet.
type timed struct {
	what   string
	claims []string
	script []says
	// state is where the flow stands then, 0 for a flow without a number.
	state conntrack.State
	// then has no rule of its own: it passes as long as the flow lives.
	then says
	// idle is the timer on eth0, idle1 that on eth1 where it is another one.
	idle, idle1 time.Duration
}

var timers = []timed{
	{"SYN_SENT", []string{"timer syn sent"}, []says{syn}, conntrack.StateSynSent, synAck,
		120 * time.Second, 0},
	{"SYN_RECV", []string{"timer syn recv"}, []says{syn, synAck}, conntrack.StateSynRecv, synAck,
		60 * time.Second, 0},
	{"established", []string{"timer tcp established", "T11", "T14"}, []says{syn, synAck, ack},
		conntrack.StateEstablished, data, 432000 * time.Second, 60 * time.Second},
	{"data without an acknowledgement", []string{"timer unacknowledged"},
		[]says{syn, synAck, ack, data}, conntrack.StateEstablished, data, 300 * time.Second,
		60 * time.Second},
	{"the asker's data without an acknowledgement", []string{"timer unacknowledged"},
		[]says{syn, synAck, ack, request}, conntrack.StateEstablished, data, 300 * time.Second,
		60 * time.Second},
	{"data and its acknowledgement", []string{"timer unacknowledged"},
		[]says{syn, synAck, ack, data, dataAck}, conntrack.StateEstablished, data,
		432000 * time.Second, 60 * time.Second},
	{"met mid-stream", []string{"timer unacknowledged", "T22"}, []says{ack}, conntrack.StatePickup,
		serverAck, 300 * time.Second, 0},
	{"FIN_WAIT", []string{"timer fin wait", "T13"}, []says{syn, synAck, ack, fin},
		conntrack.StateFinWait, data, 120 * time.Second, 0},
	{"CLOSE_WAIT", []string{"timer close wait", "T13"}, []says{syn, synAck, ack, fin, finAcked},
		conntrack.StateCloseWait, data, 3600 * time.Second, 60 * time.Second},
	{"LAST_ACK", []string{"timer last ack", "T13"}, []says{syn, synAck, ack, fin, finAcked, serverFin},
		conntrack.StateLastAck, serverFin, 30 * time.Second, 0},
	{"TIME_WAIT", []string{"timer time wait", "T13"},
		[]says{syn, synAck, ack, fin, finAcked, serverFin, lastAck}, conntrack.StateTimeWait, serverFin,
		120 * time.Second, 0},
	{"CLOSE", []string{"timer close", "T13"}, []says{syn, synAck, ack, rst}, conntrack.StateClose,
		data, 10 * time.Second, 0},
	{"UDP question", []string{"timer udp", "row 16", "T11", "T14"}, []says{datagram(true)},
		conntrack.StateUnreplied, datagram(false), 30 * time.Second, 60 * time.Second},
	{"UDP question and answer", []string{"timer udp", "T11", "T14"},
		[]says{datagram(true), datagram(false)}, conntrack.StateReplied, datagram(false),
		30 * time.Second, 60 * time.Second},
	{"UDP asked again", []string{"timer udp"}, []says{datagram(true), datagram(false), datagram(true)},
		conntrack.StateAsked, datagram(false), 30 * time.Second, 60 * time.Second},
	{"UDP stream", []string{"timer udp stream", "row 17", "T11", "T14"},
		[]says{datagram(true), datagram(false), datagram(true), datagram(false)}, conntrack.StateStream,
		datagram(false), 180 * time.Second, 60 * time.Second},
	{"UDP two questions, one answer", []string{"timer udp"},
		[]says{datagram(true), datagram(true), datagram(false)}, conntrack.StateAsked,
		datagram(false), 30 * time.Second, 60 * time.Second},
	{"UDP two questions, two answers", []string{"timer udp stream", "T11", "T14"},
		[]says{datagram(true), datagram(true), datagram(false), datagram(false)},
		conntrack.StateStream, datagram(false), 180 * time.Second, 60 * time.Second},
	{"ping", []string{"timer icmp", "T9"}, []says{echo(true)}, conntrack.StateUnreplied, echo(false),
		30 * time.Second, 0},
	{"ping and reply", []string{"timer icmp"}, []says{echo(true), echo(false)}, conntrack.StateReplied,
		echo(false), 30 * time.Second, 0},
	{"GRE", []string{"timer other", "row 15", "T10", "T14"}, []says{tunnelled(false)}, 0,
		tunnelled(true), 600 * time.Second, 0},
}

// TestTimers: a flow that no rule speaks of any more, or never did in the direction
// of the packet, lives for its timer after its latest packet and no longer. Real
// packets, and a clock that the test turns. Each device has timers of its own.
func TestTimers(t *testing.T) {
	r := newRelay(t, fmt.Sprintf(timerPolicy, questions, ""))
	for _, c := range timers {
		t.Run(c.what, func(t *testing.T) {
			parity.Proves(t, c.claims...)
			for i, idle := range []time.Duration{c.idle, c.idle1} {
				if idle == 0 {
					idle = c.idle
				}
				asker := r.sides[i]
				for family := range 2 {
					within := r.open(t, asker, family, c.script)
					if got := r.state(within.n); c.state != 0 && !slices.Equal(got, []conntrack.State{c.state}) {
						t.Errorf("eth%d: states %v, want %s", i, got, c.state)
					}
					r.wait(idle - time.Second)
					if !within.say(t, c.then) {
						t.Errorf("eth%d, IPv%d: does not pass a second before %v", i, 4+2*family, idle)
					}
					r.wait(601 * time.Second) // the next flow of GRE is another one

					beyond := r.open(t, asker, family, c.script)
					r.wait(idle + time.Second)
					beyond.goesUnanswered(t, fmt.Sprintf("eth%d, IPv%d: a second beyond %v", i, 4+2*family, idle),
						c.then)
					r.wait(601 * time.Second)
				}
			}
		})
	}
}

// TestStaleFlow: what is left of a connection whose timer has run out is judged as
// if it were new. The side that may open goes on with it, and the other side after
// it; what could only be an answer is dropped in silence, and counted as no part of
// a flow (T22, T23).
func TestStaleFlow(t *testing.T) {
	parity.Proves(t, "T22", "T23")
	r := newRelay(t, fmt.Sprintf(timerPolicy, questions, ""))
	strays := func() uint64 { return r.d.enforcer.Engine().Counts()[filter.ReasonNotAFlow] }
	for family := range 2 {
		stale := r.open(t, r.sides[1], family, []says{syn, synAck, ack, data})
		before := strays()
		r.wait(61 * time.Second)
		stale.goesUnanswered(t, "the answering side", data)
		if got := strays() - before; got != 1 {
			t.Errorf("%d packets were no part of a flow, want 1", got)
		}
		// Nor does the table keep what is over, packets or not.
		r.await(t, "the sweep", func(s api.Status) bool {
			return r.state(stale.n) == nil && s.Flows.Expired > 0
		})
		if !stale.say(t, ack) {
			t.Error("the opening side cannot go on")
		}
		if !stale.say(t, data) {
			t.Error("the answering side cannot go on once the other has spoken")
		}
		// Without its rule the opening side cannot either.
		r.wait(301 * time.Second)
		r.apply(t, fmt.Sprintf(timerPolicy, sentinels, ""))
		stale.goesUnanswered(t, "the opening side without a rule", ack)
		r.apply(t, fmt.Sprintf(timerPolicy, questions, ""))
	}
}

// TestPingWithoutItsRule: a ping goes on after its rule is gone, for as long as it
// does not pause (T16).
func TestPingWithoutItsRule(t *testing.T) {
	parity.Proves(t, "T16")
	r := newRelay(t, fmt.Sprintf(timerPolicy, questions, ""))
	for family := range 2 {
		ping := r.open(t, r.sides[0], family, []says{echo(true), echo(false)})
		r.apply(t, fmt.Sprintf(timerPolicy, sentinels, ""))
		for i := range 20 {
			r.wait(29 * time.Second)
			if !ping.say(t, echo(true)) || !ping.say(t, echo(false)) {
				t.Fatalf("IPv%d: round %d does not pass", 4+2*family, i)
			}
		}
		other := &dialogue{r: r, asker: ping.asker, server: ping.server, family: family, n: r.port()}
		other.goesUnanswered(t, "another ping", echo(true))
		r.wait(31 * time.Second)
		ping.goesUnanswered(t, "after a pause", echo(true))
		r.apply(t, fmt.Sprintf(timerPolicy, questions, ""))
		if !ping.say(t, echo(true)) {
			t.Error("the rule is back, and the ping is not")
		}
	}
}

// TestTimersChange: a reload changes the timers of live flows. A shorter one holds
// from the reload on, also for a flow that waits for no packet; a longer one from
// the next packet; and both for the flows of that device alone (T20).
func TestTimersChange(t *testing.T) {
	parity.Proves(t, "T11", "T20")
	of := func(est, udp, stream int) string {
		return fmt.Sprintf(timerPolicy, questions, fmt.Sprintf(
			", connection_tracking: { tcp_established_timeout: %d, udp_timeout: %d, udp_stream_timeout: "+
				"%d }", est, udp, stream))
	}
	r := newRelay(t, of(432000, 60, 180))
	for family := range 2 {
		r.apply(t, of(432000, 60, 180))
		established := []says{syn, synAck, ack}
		stream := []says{datagram(true), datagram(false), datagram(true), datagram(false)}
		waits, speaks, elsewhere := r.open(t, r.sides[0], family, established),
			r.open(t, r.sides[0], family, established), r.open(t, r.sides[1], family, stream)
		lasts, question := r.open(t, r.sides[0], family, stream),
			r.open(t, r.sides[0], family, []says{datagram(true)})
		r.wait(20 * time.Second)
		r.apply(t, of(100, 30, 60))
		r.wait(29 * time.Second)
		if !question.say(t, datagram(false)) {
			t.Error("a shorter timer counts from before the reload")
		}
		if !speaks.say(t, data) {
			t.Error("a connection ended with the reload")
		}
		r.wait(2 * time.Second) // 31 s since the reload, 51 since the beginning
		if !elsewhere.say(t, datagram(false)) {
			t.Error("a flow of another device ended")
		}
		r.wait(28 * time.Second) // 59
		if !lasts.say(t, datagram(false)) {
			t.Error("a stream ended before its new timer")
		}
		r.wait(2 * time.Second)
		question.goesUnanswered(t, "32 s after the answer to a question", datagram(false))
		r.wait(40 * time.Second) // 101
		waits.goesUnanswered(t, "an idle connection beyond its new timer", data)
		if !speaks.say(t, data) {
			t.Error("a connection ended within its new timer")
		}
		r.wait(61 * time.Second)
		lasts.goesUnanswered(t, "a stream beyond its new timer", datagram(false))

		// Longer again: from the next packet on.
		idle, busy := r.open(t, r.sides[0], family, []says{datagram(true)}),
			r.open(t, r.sides[0], family, []says{datagram(true)})
		r.apply(t, of(100, 60, 180))
		if !busy.say(t, datagram(false)) {
			t.Error("no answer")
		}
		r.wait(31 * time.Second)
		idle.goesUnanswered(t, "a question from before the timer was longer", datagram(false))
		r.wait(28 * time.Second)
		if !busy.say(t, datagram(false)) {
			t.Error("an answered question ended before its longer timer")
		}
		r.wait(time.Hour)
	}
}

// TestTimersBeforeTheConfirmation: an unconfirmed policy shortens the life of no flow that waits,
// since
// a roll-back could not bring it back; the confirmed one does, from then on (T20).
func TestTimersBeforeTheConfirmation(t *testing.T) {
	parity.Proves(t, "T20")
	short := fmt.Sprintf(timerPolicy, questions,
		", connection_tracking: { tcp_established_timeout: 60 }")
	r := newRelay(t, fmt.Sprintf(timerPolicy, questions, ""))
	for family := range 2 {
		established := []says{syn, synAck, ack}
		kept, lost := r.open(t, r.sides[0], family, established),
			r.open(t, r.sides[0], family, established)
		goesOn := func() bool { return kept.say(t, data) && kept.say(t, dataAck) }
		write(t, r.file, short)
		_, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 600})
		must(t, err)
		r.wait(time.Hour)
		_, err = r.Client.Rollback(t.Context(), api.EndConfirmRequest{})
		must(t, err)
		if !goesOn() {
			t.Error("a policy that was rolled back ended an idle connection")
		}
		_, err = r.Reload(t.Context(), api.ReloadRequest{Confirm: 600})
		must(t, err)
		r.wait(time.Hour)
		_, err = r.Confirm(t.Context(), api.EndConfirmRequest{})
		must(t, err)
		r.wait(59 * time.Second)
		if !goesOn() {
			t.Error("a confirmed timer counts from before")
		}
		r.wait(2 * time.Second)
		lost.goesUnanswered(t, "an idle connection beyond the confirmed timer", data)
		r.apply(t, fmt.Sprintf(timerPolicy, questions, ""))
	}
}

// TestImpossibleSegments: a segment with flags that no stack sends together passes
// where a rule admits it, begins no flow and so opens no way for an answer; to a
// live flow it belongs only by a rule, too (T27).
func TestImpossibleSegments(t *testing.T) {
	parity.Proves(t, "T27")
	r := newRelay(t, fmt.Sprintf(timerPolicy, questions, ""))
	for family := range 2 {
		for _, flags := range []wire.Flags{
			0, wire.SYN | wire.FIN, wire.SYN | wire.RST, wire.FIN, wire.FIN | wire.PSH | wire.URG,
			wire.RST | wire.FIN | wire.ACK} {
			odd := r.open(t, r.sides[0], family, []says{segment(true, flags, 0, 0, "")})
			if got := r.state(odd.n); got != nil {
				t.Errorf("IPv%d, flags %#x: a flow in state %v", 4+2*family, flags, got)
			}
			odd.goesUnanswered(t, fmt.Sprintf("an answer to flags %#x", flags), serverAck)
			odd.goesUnanswered(t, fmt.Sprintf("flags %#x without a rule", flags),
				segment(false, flags, 0, 0, ""))
			sound := r.open(t, r.sides[0], family, []says{syn, synAck, ack, data})
			sound.goesUnanswered(t, fmt.Sprintf("flags %#x in a flow", flags),
				segment(false, flags, 1, 1, ""))
			if got := r.state(sound.n); !slices.Equal(got, []conntrack.State{conntrack.StateEstablished}) ||
				!sound.say(t, data) {
				t.Errorf("IPv%d, flags %#x in a flow change it to %v", 4+2*family, flags, got)
			}
		}
	}
}
