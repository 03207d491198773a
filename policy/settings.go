package policy

import (
	"fmt"
	"time"
)

// Tracking says which flows are tracked (T2, T8).
type Tracking uint8

const (
	// TrackingAlways tracks every flow; it outlives the rule that permitted it.
	TrackingAlways Tracking = iota
	// TrackingAWS tracks what AWS tracks. A flow that rules for everybody permit both
	// ways is not tracked, and ends with its rule.
	TrackingAWS
)

// String is the value in the policy file: "always" or "aws".
func (t Tracking) String() string {
	if t == TrackingAWS {
		return "aws"
	}
	return "always"
}

// ICMPErrors says what decides about ICMP errors (T24).
type ICMPErrors uint8

const (
	// ICMPErrorsRelated: errors about a live flow pass, rules decide the rest.
	ICMPErrorsRelated ICMPErrors = iota
	// ICMPErrorsRules: rules alone decide.
	ICMPErrorsRules
)

// String is the value in the policy file: "related" or "rules".
func (i ICMPErrors) String() string {
	if i == ICMPErrorsRules {
		return "rules"
	}
	return "related"
}

// OnStop says what an ordered stop leaves behind.
type OnStop uint8

const (
	// OnStopRemove removes our table: the machine is as it was.
	OnStopRemove OnStop = iota
	// OnStopKeep leaves the table and nobody to answer it: the devices are closed.
	OnStopKeep
)

// String is the value in the policy file: "remove" or "keep".
func (o OnStop) String() string {
	if o == OnStopKeep {
		return "keep"
	}
	return "remove"
}

// FailAction says what becomes of packets that no verdict comes for, or no flow.
type FailAction uint8

const (
	// FailDrop drops them; failsafes pass.
	FailDrop FailAction = iota
	// FailAccept lets them pass.
	FailAccept
)

// String is the value in the policy file: "drop" or "accept".
func (f FailAction) String() string {
	if f == FailAccept {
		return "accept"
	}
	return "drop"
}

// Balance says which queue takes a packet.
type Balance uint8

const (
	// BalanceCPU: the CPU that handles the packet chooses. Connections spread
	// over the queues, those between two addresses too.
	BalanceCPU Balance = iota
	// BalanceHash: a hash of addresses and protocol chooses, so that all packets
	// between two addresses meet one queue, in their order.
	BalanceHash
	// BalancePinned: as BalanceCPU, and each queue's loop stays on its CPU. No other CPU
	// has to wake up for a packet. Under one busy flow the loop competes for the CPU with
	// the kernel's receive path.
	BalancePinned
)

var balanceNames = [...]string{"cpu", "hash", "pinned"}

// String is the value in the policy file.
func (b Balance) String() string { return balanceNames[b] }

// Balances are the values in the policy file, the default first.
func Balances() []string { return balanceNames[:] }

// QueueDriver names how packets are read from a queue; see filter/nfqueue.
type QueueDriver string

const (
	// QueueDriverBatch reads and answers many packets at a time. The default.
	QueueDriverBatch QueueDriver = "batch"
	// QueueDriverGoNFQueue is the library's own loop, slow and simple: the
	// reference that the other is measured and tested against.
	QueueDriverGoNFQueue QueueDriver = "go-nfqueue"
)

// QueueDrivers are the values in the policy file, the default first.
func QueueDrivers() []QueueDriver {
	return []QueueDriver{QueueDriverBatch, QueueDriverGoNFQueue}
}

// Settings are the values under `settings:`, defaults filled in.
type Settings struct {
	// Preset is the one that Tracking, ICMPErrors, Exempt and the timers of interfaces
	// began with.
	Preset     Preset
	Tracking   Tracking
	ICMPErrors ICMPErrors
	Datapath   Datapath
	Offload    Offload
	// Exempt are the services that pass whatever the rules say.
	Exempt Set[Exemption]
	// CutFailsafes are those that are switched off: rules decide about them.
	CutFailsafes Set[Failsafe]
	OnStop       OnStop
	// OnGone is settings.on_failure.gone: the daemon died.
	OnGone FailAction
	// OnStuck is settings.on_failure.stuck: the daemon lives and does not answer.
	OnStuck FailAction
	// OnOverloaded is settings.on_failure.overloaded: a queue is full.
	OnOverloaded FailAction
	// OnTableFull is settings.on_failure.table_full: what rules permit finds no room in the
	// flow table.
	OnTableFull FailAction
	// QueueBase is the first queue number, 1 to 65535.
	QueueBase uint16
	// QueueCount is the number of queues, 0 for one per CPU, at most 8.
	QueueCount   int
	QueueBalance Balance
	// QueueBusyPoll is how long a queue's loop looks for further packets before
	// it sleeps, at most and while that pays; 0 for not at all, at most MaxBusyPoll.
	QueueBusyPoll time.Duration
	QueueDriver   QueueDriver
	// MaxFlows is the hard cap of tracked flows, 1 to MaxMaxFlows.
	MaxFlows int
	// FlowLog is what records of traffic are written; zero for none.
	FlowLog FlowLog
	// Watch reloads the policy by itself when its file has settled.
	Watch   bool
	Metrics Metrics
}

// DefaultSettings are the settings of a file that has none.
var DefaultSettings = Settings{
	Datapath: DatapathUserspace, Offload: DefaultOffload,
	QueueBase: 4270, QueueBusyPoll: 50 * time.Microsecond, QueueDriver: QueueDriverBatch,
	MaxFlows: DefaultMaxFlows,
}

const (
	// DefaultMaxFlows is Settings.MaxFlows where the policy does not say: 32 MiB.
	DefaultMaxFlows = 262144
	// MaxQueueNumber is the highest number of a queue.
	MaxQueueNumber = 65535
	// MaxQueues bounds Settings.QueueCount.
	MaxQueues = 8
	// MaxBusyPoll bounds Settings.QueueBusyPoll.
	MaxBusyPoll = time.Millisecond
	// MaxMaxFlows bounds Settings.MaxFlows: 2 GiB at 128 bytes a flow.
	MaxMaxFlows = 1 << 24
)

// A Failure is a cause that settings.on_failure has an action for.
type Failure struct {
	key string
	get func(*Settings) *FailAction
}

var failures = []Failure{
	{"gone", func(s *Settings) *FailAction { return &s.OnGone }},
	{"stuck", func(s *Settings) *FailAction { return &s.OnStuck }},
	{"overloaded", func(s *Settings) *FailAction { return &s.OnOverloaded }},
	{"table_full", func(s *Settings) *FailAction { return &s.OnTableFull }},
}

// Failures lists them in the order of the policy file.
func Failures() []Failure { return failures }

// String is the key in the policy file.
func (f Failure) String() string { return f.key }

// Action is what the settings say of it, to be read or set.
func (f Failure) Action(s *Settings) *FailAction { return f.get(s) }

// check reports settings that are out of range.
func (s Settings) check(report func(Problem)) {
	invalid := func(field, hint, format string, a ...any) {
		report(Problem{Field: field, Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...),
			Hint: hint})
	}
	if int(s.Preset) >= len(presetNames) {
		invalid("settings.preset", "", "unknown preset %d", uint8(s.Preset))
	}
	if s.QueueBase == 0 {
		invalid("settings.queues.base",
			fmt.Sprintf("queue 0 is what other programs take first; 1 to %d", MaxQueueNumber),
			"queues.base 0 is out of range")
	}
	if s.QueueCount < 0 || s.QueueCount > MaxQueues {
		invalid("settings.queues.count", fmt.Sprintf("0 to %d; 0 is one per CPU", MaxQueues),
			"queues.count %d is out of range",
			s.QueueCount)
	} else if last := int(s.QueueBase) + max(s.QueueCount, 1) - 1; last > MaxQueueNumber {
		invalid("settings.queues.base",
			fmt.Sprintf("the last queue number is at most %d", MaxQueueNumber),
			"%d queues from %d on do not fit", s.QueueCount, s.QueueBase)
	} else if s.QueueCount == 0 && int(s.QueueBase)+MaxQueues-1 > MaxQueueNumber {
		invalid("settings.queues.base",
			fmt.Sprintf("leave room for %d queues, or set queues.count", MaxQueues),
			"one queue per CPU may not fit from %d on", s.QueueBase)
	}
	if s.QueueBusyPoll < 0 || s.QueueBusyPoll > MaxBusyPoll {
		invalid("settings.queues.busy_poll",
			fmt.Sprintf("0 to %d microseconds; 0 is not at all", MaxBusyPoll.Microseconds()),
			"queues.busy_poll %d is out of range", s.QueueBusyPoll.Microseconds())
	}
	if s.MaxFlows < 1 || s.MaxFlows > MaxMaxFlows {
		invalid("settings.max_flows", fmt.Sprintf("1 to %d", MaxMaxFlows), "max_flows %d is out of range",
			s.MaxFlows)
	}
	s.Offload.check(report)
	s.Metrics.check(report)
	s.FlowLog.check(report)
	s.checkFailsafes(report)
}
