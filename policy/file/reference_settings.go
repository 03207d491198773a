package file

import (
	"fmt"
	"strings"
	"time"

	"sgfw/policy"
)

var standard = policy.DefaultSettings

var settingsTable = []Part{
	{"settings", "", []Key{
		{Name: "preset", Kind: KindWord, Default: standard.Preset.String(),
			Words: namesOf(policy.Presets()), Text: presetText()},
		{Name: "tracking", Kind: KindWord, Default: standard.Tracking.String(),
			Words: []string{policy.TrackingAlways.String(), policy.TrackingAWS.String()},
			Text: `Which flows are tracked, and so outlive the rule that permitted them. always: every
				flow. aws: as AWS does, not those of TCP and UDP that rules for everybody permit both
				ways: the opening one by a single rule to 0.0.0.0/0 (or ::/0), the answers by a single
				rule to 0.0.0.0/0 (or ::/0) for all ports. Each packet of such a flow needs a rule of
				its direction, and the flow is cut when its rule goes. A running daemon can change
				it: flows that are tracked already stay so.`},
		{Name: "icmp_errors", Kind: KindWord, Default: standard.ICMPErrors.String(),
			Words: []string{policy.ICMPErrorsRelated.String(), policy.ICMPErrorsRules.String()},
			Text: `related: an ICMP error about a live flow passes, and one of this machine's own about
				a packet that rules permitted and that it could not route. rules: rules alone
				decide.`},
		{Name: "exempt", Kind: KindWords, Words: namesOf(policy.Exemptions()), Default: "none",
			Text: exemptText()},
		{Name: "failsafe", Kind: KindMapping, Default: "all on",
			Text: `What passes whatever the rules say because a machine without it loses its network:
				its own traffic with its link, never what it routes. What is switched off is left to
				the rules. Of a guest it is the guest's traffic with this machine. ARP and lo are in
				no list: they are never filtered.`},
		{Name: "datapath", Kind: KindWord, Default: string(standard.Datapath),
			Words: wordsOf(policy.Datapaths()),
			Text: `What judges packets; sgfw status shows which one is in force, and why. userspace: the
				daemon judges every packet. offload: the kernel passes packets of TCP and UDP flows
				that the daemon let in, until it judges one of them again, see offload below.
				Linux 5.12; a kernel that cannot is an error at the start. automatic: offload where
				the kernel can, else userspace. Interfaces with the view of the wire are judged as in
				userspace. A running daemon cannot change it.`},
		{Name: "offload", Kind: KindMapping, Default: "see below",
			Text: "How the kernel carries on with flows in the datapath offload."},
		{Name: "on_stop", Kind: KindWord, Default: standard.OnStop.String(),
			Words: []string{policy.OnStopRemove.String(), policy.OnStopKeep.String()},
			Text: `What an ordered stop leaves. remove: nothing is filtered any more. keep: nothing
				passes.`},
		{Name: "on_failure", Kind: KindMapping, Default: "see below",
			Text: `What becomes of packets that no verdict comes for, or no flow. operations.md has a
				table of the causes. What passes so is counted and shown by sgfw status, and ends with
				its cause.`},
		{Name: "queues", Kind: KindMapping, Default: "see below",
			Text: "The queues between kernel and daemon. A running daemon cannot change them."},
		{Name: "queue_driver", Kind: KindWord, Default: string(standard.QueueDriver),
			Words: wordsOf(policy.QueueDrivers()),
			Text: `How packets are read. go-nfqueue is the slow and simple reference. A running daemon
				cannot change it.`},
		{Name: "max_flows", Kind: KindNumber, Low: 1, High: policy.MaxMaxFlows,
			Default: fmt.Sprint(standard.MaxFlows),
			Text: `How many flows are tracked at once, by all devices together. Open TCP connections
				keep their places; everything else makes room, of the kind that has most, and none of
				these kinds has more than half: ICMP queries, UDP of one exchange, UDP streams, other
				protocols, TCP that is half-open, TCP that has ended. Each device has a part for
				itself, see max_flows of interfaces. What is common a guest can take with open
				connections, and sgfw flows revoke --interface gives it back. A running daemon cannot
				change it.`},
		{Name: "flow_log", Kind: KindMapping, Default: "none",
			Text: `A record of all traffic that was let through or refused, as VPC flow logs of AWS
				have it; see flow-logs.md.`},
		{Name: "watch", Kind: KindTruth, Default: "false",
			Text: "Reload by itself when the file has changed and settled."},
		{Name: "metrics", Kind: KindMapping, Default: "see below",
			Text: "What the daemon counts, for Prometheus; metrics.md has a list."},
	}},
	{"settings.metrics", "", []Key{
		{Name: "listen", Default: "nowhere",
			Text: `Where metrics are to be had by HTTP, at /metrics: a loopback address with a port, such
				as 127.0.0.1:9455 or "[::1]:9455", or the absolute path of a unix socket, which the
				group of the control socket may open. Whoever may use it learns how much passes and
				is dropped, and what devices there are; no other machine can reach it. A reload moves
				it. Where it cannot be had nothing else changes: sgfw status says why.`},
	}},
	{"settings.offload", "", []Key{
		{Name: "mark_bits", Kind: KindBits, Low: 0, High: policy.MaxMarkBit,
			Default: fmt.Sprintf("[%d, %d]", standard.Offload.MarkBits[0], standard.Offload.MarkBits[1]),
			Text: `The two bits of a packet's mark by which the daemon's verdicts speak to its rules in
				the kernel. No other program may use them: what a packet has there is lost. They are
				taken away before anybody behind sgfw sees the packet.`},
		{Name: "lifetime", Kind: KindNumber, Low: int(policy.MinOffloadLifetime / time.Second),
			High:    int(policy.MaxOffloadLifetime / time.Second),
			Default: fmt.Sprint(int(standard.Offload.Lifetime / time.Second)),
			Text: `For how many seconds at most the kernel carries on with a flow of which both sides
				have shown that they are there, before one of its packets is judged again. A flow
				whose idle timer is less than four times that is carried for 5 seconds at a time, and
				so is each new one.`},
	}},
	{"settings.failsafe", "", failsafeTable()},
	{"settings.on_failure", "", []Key{
		{Name: "gone", Kind: KindWord, Default: standard.OnGone.String(),
			Words: []string{policy.FailDrop.String(), policy.FailAccept.String()},
			Text: `The daemon died. drop: nothing but failsafes passes until it runs again or sgfw
				cleanup. accept: nothing is filtered. It is also about a start with a policy file that
				cannot be used where no earlier policy is kept. drop: nothing passes through the devices
				that the file names, or through any, until it is mended. accept: the start fails.`},
		failureKey("stuck", standard.OnStuck, `The daemon lives and does not answer: a loop hangs, or
			the process is suspended, for about half of systemd's WatchdogSec (without it: of 10
			seconds). drop: packets wait, and are dropped once a queue is full. accept: the kernel lets
			pass what would wait, whatever the rules say, until every loop goes round again. When
			systemd ends the daemon gone holds. Linux 5.12. A running daemon cannot change it.`),
		failureKey("overloaded", standard.OnOverloaded, `More packets come than the daemon judges: a
			queue or the buffer of its socket is full. drop: what finds no room is dropped. accept: it
			passes, whatever the rules say, so whoever can overload the machine gets in. It is also
			about a daemon that stands still until a queue is full. Linux 5.12. A running daemon cannot
			change it.`),
		failureKey("table_full", standard.OnTableFull, `Rules permit the first packet of a flow, and
			max_flows leaves no room for it. drop: it is dropped, as in AWS. accept: it passes
			untracked. Each packet then needs a rule of its own direction, the answers as well, and
			what rules forbid is dropped. The flow is tracked once there is room for one of its
			packets that can begin a flow.`),
	}},
	{"settings.queues", "", []Key{
		{Name: "base", Kind: KindNumber, Low: 1, High: policy.MaxQueueNumber,
			Default: fmt.Sprint(standard.QueueBase),
			Text:    "The number of the first queue. No other program may use the numbers."},
		{Name: "count", Kind: KindNumber, Low: 0, High: policy.MaxQueues,
			Default: fmt.Sprint(standard.QueueCount),
			Text: fmt.Sprintf(`How many queues, each with a loop of its own. 0: one per CPU, at most
				%d.`, policy.MaxQueues)},
		{Name: "balance", Kind: KindWord, Default: standard.QueueBalance.String(),
			Words: policy.Balances(),
			Text: `Which queue takes a packet. cpu: the CPU that handles it chooses. hash: its
				addresses choose, so that two machines always meet one queue. pinned: as cpu, with
				each loop on a CPU of its own: the lowest latency, and less throughput for a single
				flow.`},
		{Name: "busy_poll", Kind: KindNumber, Low: 0,
			High:    int(policy.MaxBusyPoll.Microseconds()),
			Default: fmt.Sprint(standard.QueueBusyPoll.Microseconds()),
			Text: `For how many microseconds a loop looks for further packets before it sleeps, at
				most. It does so only while that pays: while it finds a packet, on average, within
				half that time. It leaves the CPU to whoever wants it. 0: it sleeps at once.`},
	}},
}

// failureKey is the key of a cause beside gone.
func failureKey(name string, usual policy.FailAction, text string) Key {
	return Key{Name: name, Kind: KindWord, Default: usual.String(),
		Words: []string{policy.FailDrop.String(), policy.FailAccept.String()}, Text: text}
}

// presetText says what the presets set.
func presetText() string {
	s := policy.PresetAWS.Settings()
	return fmt.Sprintf(`One word for exactly what AWS does. aws: tracking: %s, icmp_errors: %s,
		exempt: [%s] and view: %s on each interface, with the idle timeouts of AWS, which are
		the defaults anyway. aws-nitro-v6: the same, with tcp_established_timeout: %d. Keys that
		are written beside it, and view and connection_tracking of an interface, win; sgfw check
		and sgfw status name those that depart from the preset.`,
		s.Tracking, s.ICMPErrors, s.Exempt, policy.PresetAWS.View(),
		int(policy.PresetAWSNitroV6.Timeouts().TCPEstablished/time.Second))
}

// failsafeTable are the keys of the failsafes, all on.
func failsafeTable() (keys []Key) {
	for _, f := range policy.Failsafes() {
		text := strings.ToUpper(f.What()[:1]) + f.What()[1:] + ". "
		switch {
		case f.In() == f.Out():
			text += "Both ways: " + f.In() + "."
		case f.Out() == "":
			text += "In: " + f.In() + "."
		default:
			text += "Out: " + f.Out() + ". In: " + f.In() + "."
		}
		keys = append(keys, Key{Name: f.String(), Kind: KindTruth, Default: "true", Text: text})
	}
	return keys
}

// exemptText describes settings.exempt with the addresses that there are.
func exemptText() string {
	list := func(x policy.Exemption) string {
		names := make([]string, len(x.Addresses()))
		for i, a := range x.Addresses() {
			names[i] = a.String()
		}
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf(`Services that pass whatever the rules say, as they do in AWS: what the machine
		asks them, and the answers, for %d s after a UDP question. Nobody else's packets do, nor
		connections from there; and while the daemon is dead, nothing of it. resolvers: DNS (UDP and
		TCP %d) of the name servers in resolv.conf, followed live. metadata: the cloud's metadata
		service, TCP %d of %s. time: AWS's time service, UDP %d of %s. Of what a host forwards nothing
		is exempt. Guests have the same, but for metadata that another machine than this one would
		answer: it would hand them this machine's credentials.`,
		int(policy.AnswerTime.Seconds()), policy.PortDNS,
		policy.PortMetadata, list(policy.ExemptMetadata), policy.PortTime, list(policy.ExemptTime))
}

// namesOf returns the names of failsafes or exemptions.
func namesOf[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

// wordsOf returns words as plain text.
func wordsOf[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
