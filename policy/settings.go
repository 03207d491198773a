package policy

import "fmt"

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
	// OnStopKeep leaves the table, without a listener: closed.
	OnStopKeep
)

// String is the value in the policy file: "remove" or "keep".
func (o OnStop) String() string {
	if o == OnStopKeep {
		return "keep"
	}
	return "remove"
}

// FailAction says what happens to traffic after an exit that nobody ordered.
type FailAction uint8

const (
	FailDrop FailAction = iota
	FailAccept
)

// String is the value in the policy file: "drop" or "accept".
func (f FailAction) String() string {
	if f == FailAccept {
		return "accept"
	}
	return "drop"
}

// Settings are the values under `settings:`, defaults filled in.
type Settings struct {
	ICMPErrors ICMPErrors
	OnStop     OnStop
	// OnGone is settings.on_failure.gone: the daemon died.
	OnGone FailAction
	// QueueBase is the first queue number, 1 to 65535.
	QueueBase uint16
	// QueueCount is the number of queues, 0 for one per CPU, at most 8.
	QueueCount int
	// MaxFlows is the hard cap of the flow table, 1 to MaxMaxFlows.
	MaxFlows int
	// Watch reloads the policy by itself when its file has settled.
	Watch bool
}

// DefaultSettings are the settings of a file that has none.
var DefaultSettings = Settings{QueueBase: 4270, MaxFlows: 262144}

const (
	// MaxQueues bounds Settings.QueueCount.
	MaxQueues = 8
	// MaxMaxFlows bounds Settings.MaxFlows: 2 GiB at 128 bytes a flow.
	MaxMaxFlows = 1 << 24
)

// check reports settings out of range; fields are keys under `settings:`.
func (s Settings) check(report func(Problem)) {
	invalid := func(field, hint, format string, a ...any) {
		report(Problem{Field: field, Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...), Hint: hint})
	}
	if s.QueueBase == 0 {
		invalid("settings.queues.base", "queue 0 is what other programs take first; 1 to 65535", "queues.base 0 is out of range")
	}
	if s.QueueCount < 0 || s.QueueCount > MaxQueues {
		invalid("settings.queues.count", "0 to 8; 0 is one per CPU", "queues.count %d is out of range", s.QueueCount)
	} else if last := int(s.QueueBase) + max(s.QueueCount, 1) - 1; last > 65535 {
		invalid("settings.queues.base", "the last queue number is at most 65535", "%d queues from %d on do not fit", s.QueueCount, s.QueueBase)
	} else if s.QueueCount == 0 && int(s.QueueBase)+MaxQueues-1 > 65535 {
		invalid("settings.queues.base", "leave room for 8 queues, or set queues.count", "one queue per CPU may not fit from %d on", s.QueueBase)
	}
	if s.MaxFlows < 1 || s.MaxFlows > MaxMaxFlows {
		invalid("settings.max_flows", fmt.Sprintf("1 to %d", MaxMaxFlows), "max_flows %d is out of range", s.MaxFlows)
	}
}
