package api

import "time"

// Status is what the daemon says about itself.
type Status struct {
	Schema string `json:"schema"`
	// State is StateRunning or StateDegraded.
	State string `json:"state"`
	// Degraded says in words what is not as the policy wants it; empty when
	// State is StateRunning.
	Degraded []string  `json:"degraded,omitempty"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	// Network is the network namespace whose devices the daemon filters; left out where
	// it is not known.
	Network *Namespace   `json:"network_namespace,omitempty"`
	Policy  PolicyStatus `json:"policy"`
	// Warnings are about interfaces that filter nothing, whose device has lost the name
	// that the policy has, or which judge frames between the ports of a bridge.
	Warnings   []Problem         `json:"warnings,omitempty"`
	Interfaces []InterfaceStatus `json:"interfaces"`
	Groups     []GroupStatus     `json:"groups"`
	Quotas     Quotas            `json:"quotas"`
	// PrefixLists are those of the policy.
	PrefixLists []PrefixListStatus `json:"prefix_lists"`
	// NetworkACLs are those of the policy; empty where no interface can have one.
	NetworkACLs []NetworkACLStatus `json:"network_acls"`
	Table       TableStatus        `json:"table"`
	Queues      []QueueStatus      `json:"queues"`
	Flows       FlowStatus         `json:"flows"`
	// Kept says how flows outlive the daemon, and which ones outlived the one before; left
	// out where nothing is kept.
	Kept *KeptStatus `json:"kept,omitempty"`
	// Offload is left out in the datapath "userspace".
	Offload *OffloadStatus `json:"offload,omitempty"`
	// FlowLog is left out where the policy asks for none.
	FlowLog *FlowLogStatus `json:"flow_log,omitempty"`
	// Failures are the causes of settings.on_failure that a living daemon can have.
	Failures []FailureStatus `json:"failures"`
	// Verdicts counts packets by verdict and reason, like all counters of flows since the
	// start, or the start of the first daemon whose flows were taken over.
	Verdicts []VerdictCount `json:"verdicts"`
	// Exemptions are all kinds of traffic that can pass whatever the rules say.
	Exemptions []Exemption `json:"exemptions"`
	// Interference is what other programs did lately to the table and the queues,
	// the latest first.
	Interference []Interference `json:"interference,omitempty"`
	// Metrics is left out where the policy wants none.
	Metrics *MetricsStatus `json:"metrics,omitempty"`
	// LogLost counts the lines of the daemon's own log that nobody read in time.
	LogLost uint64 `json:"log_lines_lost"`
	// EventsLost counts verdicts that somebody watched for and that came too fast, since the
	// start.
	EventsLost uint64 `json:"events_lost"`
}

// States of the daemon.
const (
	StateRunning  = "running"
	StateDegraded = "degraded"
)

// What is enforced in place of a policy file that cannot be used.
const (
	// StandInLastGood is the last policy of the file that was in force for good.
	StandInLastGood = "last-good"
	// StandInClosed lets nothing pass.
	StandInClosed = "closed"
)

// PolicyStatus names the policy in force.
type PolicyStatus struct {
	File string `json:"file"`
	// Generation counts the rule sets published since the start, from 1; a
	// reload and a change of addresses each make one.
	Generation uint64    `json:"generation"`
	Loaded     time.Time `json:"loaded"`
	Groups     int       `json:"groups"`
	Rules      int       `json:"rules"`
	// IDsNotKept says why the IDs are others than before, or may be after the next
	// start; empty when they stay.
	IDsNotKept string `json:"ids_not_kept,omitempty"`
	// FileDiffers is true when the file says something else than what is in
	// force, or cannot be read.
	FileDiffers bool `json:"file_differs"`
	// StandIn is what is enforced because the file could not be used at the start:
	// StandInLastGood or StandInClosed, empty for nothing. Failure says why.
	StandIn string `json:"stand_in,omitempty"`
	// FileUnread says why the file cannot be read; empty when it can.
	FileUnread string `json:"file_unread,omitempty"`
	// Watch is true when the daemon reloads by itself once the file has settled.
	Watch bool `json:"watch"`
	// Preset is settings.preset, left out where there is none.
	Preset *Preset `json:"preset,omitempty"`
	// Tracking is settings.tracking: "always" or "aws".
	Tracking string `json:"tracking"`
	// Datapath is the one in force: "userspace", the daemon judges every packet, or
	// "offload", the kernel carries on with flows that the daemon let in.
	Datapath string `json:"datapath"`
	// DatapathWhy says why it is that one.
	DatapathWhy string `json:"datapath_why"`
	// Pending is there while the policy in force waits to be confirmed.
	Pending *PendingConfirm `json:"trial,omitempty"`
	// RolledBack is there while the confirmed policy is in force because the one
	// in the file was rolled back.
	RolledBack *RolledBack `json:"rolled_back,omitempty"`
	// Failure is the last reload that was refused, if none has succeeded since.
	Failure *ReloadFailure `json:"failure,omitempty"`
	Reloads Reloads        `json:"reloads"`
}

// Reloads counts changes of the policy since the start of the daemon, by outcome.
type Reloads struct {
	// Applied ones are in force, or were.
	Applied uint64 `json:"applied"`
	// Refused ones altered nothing: the policy was refused, or could not be put in force.
	Refused uint64 `json:"refused"`
	// Unread ones altered nothing, because the policy could not be read.
	Unread uint64 `json:"unread"`
	// RolledBack counts returns to the confirmed policy.
	RolledBack uint64 `json:"rolled_back"`
}

// Preset is what the policy takes its settings from.
type Preset struct {
	Name string `json:"name"`
	// Departures are the keys with which the policy departs from it.
	Departures []string `json:"departures"`
}

// TableStatus says how packets come to the daemon.
type TableStatus struct {
	Name string `json:"name"`
	// Hooks are those of our base chains, all at Priority.
	Hooks []string `json:"hooks"`
	// WireHooks are those where packets are judged as the wire has them, left out while
	// no interface has that view.
	WireHooks []string `json:"wire_hooks,omitempty"`
	Priority  int      `json:"priority"`
	// QueueExpression is "native" or "xt".
	QueueExpression string `json:"queue_expression"`
	// Owner and Persist are the flags that the kernel granted to the table,
	// Bypass the one of its queue rules.
	Owner   bool `json:"owner"`
	Persist bool `json:"persist"`
	Bypass  bool `json:"bypass"`
	// Reassembly is what keeps fragments from us: "tproxy", "ct" or "none".
	Reassembly string `json:"reassembly"`
	// MissingFailsafes are those that this kernel cannot express.
	MissingFailsafes []string `json:"missing_failsafes,omitempty"`
	// Repaired counts how often another program damaged the table.
	Repaired uint64 `json:"repaired"`
	// Counters are the table's own: packets passed by each failsafe, those that
	// were queued, and those dropped while the queues could not be had.
	Counters map[string]uint64 `json:"counters"`
}

// FailureStatus is a cause for which packets get no verdict, or a flow no room, since the start.
type FailureStatus struct {
	// Cause is "stuck", "overloaded" or "table_full".
	Cause string `json:"cause"`
	// Action is "drop" or "accept".
	Action string `json:"action"`
	// Active is true until nothing was dropped or has passed so for three seconds.
	Active bool `json:"active"`
	// Times counts how often it began.
	Times uint64 `json:"times"`
	// Packets were dropped so, or have passed. Those that wait for a daemon that is stuck are
	// not among them.
	Packets uint64 `json:"packets"`
}

// OffloadStatus says what the kernel carries on with by itself, in the family that has more
// of it. Flows that find no room are judged packet by packet.
type OffloadStatus struct {
	Flows int `json:"flows"`
	Max   int `json:"max"`
	// Opening are new flows, which have a room of their own.
	Opening    int `json:"opening"`
	MaxOpening int `json:"max_opening"`
	// NoRoom is how many times a flow had to stay, because its device had its share. It is
	// asked for again with later packets of the flow.
	NoRoom uint64 `json:"no_room"`
	// Packets and Bytes passed without a verdict of their own since the start.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// Percent is that part of all packets that passed or were dropped.
	Percent int `json:"percent"`
	// MarkBits and Lifetime, in seconds, are those of settings.offload.
	MarkBits []int `json:"mark_bits"`
	Lifetime int   `json:"lifetime"`
}

// FlowLogStatus says what becomes of records of traffic. Counts are since the start.
type FlowLogStatus struct {
	// ID is the flow log's, which names of files have.
	ID string `json:"id"`
	// Destination is a folder or "stdout".
	Destination string `json:"destination"`
	// FileFormat is "text" or "gzip", TrafficType "ALL", "ACCEPT" or "REJECT".
	FileFormat  string `json:"file_format"`
	TrafficType string `json:"traffic_type"`
	// Interval is how many seconds of a flow one record has.
	Interval int `json:"aggregation_interval"`
	// File is the path of the latest file; left out before the first one.
	File string `json:"file,omitempty"`
	// Written and Lost count records, Bytes what they take in files.
	Written uint64 `json:"written"`
	Lost    uint64 `json:"lost"`
	Bytes   uint64 `json:"bytes"`
	// Unrecorded counts packets that are in no record: too many kinds of traffic at once.
	Unrecorded uint64 `json:"unrecorded_packets"`
	// Failure says why records are lost now; empty while they are not.
	Failure string `json:"failure,omitempty"`
}

// QueueStatus is one NFQUEUE: our own counters, and the kernel's. Every loss
// has a counter of its own cause.
type QueueStatus struct {
	Number    uint16 `json:"number"`
	Packets   uint64 `json:"packets"`
	Accepted  uint64 `json:"accepted"`
	Dropped   uint64 `json:"dropped"`
	Malformed uint64 `json:"malformed"`
	// Foreign messages came from another sender than the kernel.
	Foreign uint64 `json:"foreign"`
	// VerdictErrors counts verdicts that the kernel refused, Panics packets
	// dropped since deciding about them failed.
	VerdictErrors uint64 `json:"verdict_errors"`
	Panics        uint64 `json:"panics"`
	// Overruns counts messages lost between kernel and daemon (ENOBUFS).
	Overruns uint64 `json:"overruns"`
	// Lost counts how often the queue was taken away. It is bound again at once, or
	// as soon as that is possible.
	Lost uint64 `json:"lost"`
	// Waiting is the number of packets that have no verdict yet.
	Waiting uint64 `json:"kernel_waiting"`
	// Batches are reads that returned packets, and how long these took.
	Batches BatchStatus `json:"batches"`
	// KernelDropped counts packets dropped since the queue was full;
	// UserDropped those that could not be handed to the socket.
	KernelDropped uint64 `json:"kernel_queue_dropped"`
	UserDropped   uint64 `json:"kernel_user_dropped"`
}

// BatchStatus is how long batches of packets took: from the end of the read until their
// verdicts were written and counted.
type BatchStatus struct {
	Count uint64 `json:"count"`
	// Nanoseconds is the time of all batches.
	Nanoseconds uint64 `json:"nanoseconds"`
	// Within counts those that took no longer than each of some times, the shortest first.
	Within []BatchesWithin `json:"within"`
}

// BatchesWithin is how many batches took no longer than a time.
type BatchesWithin struct {
	Nanoseconds uint64 `json:"nanoseconds"`
	Count       uint64 `json:"count"`
}

// FlowStatus is the state of the flow table and what happened to flows since
// the start, by cause.
type FlowStatus struct {
	Live        int `json:"live"`
	Max         int `json:"max"`
	HalfOpen    int `json:"half_open"`
	MaxHalfOpen int `json:"max_half_open"`
	// States divides Live by what the flows are.
	States FlowStates `json:"states"`
	// Created counts new flows.
	Created uint64 `json:"created"`
	// Adopted counts those that were there before the daemon, tracked or not.
	Adopted uint64 `json:"adopted"`
	Expired uint64 `json:"expired"`
	// Evicted flows made room for new ones; open TCP connections never do. Unreplied and
	// answered ones are no TCP.
	EvictedHalfOpen  uint64 `json:"evicted_half_open"`
	EvictedUnreplied uint64 `json:"evicted_unreplied"`
	EvictedAnswered  uint64 `json:"evicted_answered"`
	EvictedClosed    uint64 `json:"evicted_closed"`
	// Untracked flows are remembered apart from those above, at most MaxUntracked;
	// EvictedUntracked were forgotten for others.
	Untracked        int    `json:"untracked"`
	MaxUntracked     int    `json:"max_untracked"`
	EvictedUntracked uint64 `json:"evicted_untracked"`
	// RefusedFull counts new flows that found no room.
	RefusedFull uint64 `json:"refused_full"`
	// Revoked counts flows ended by order. Live counts them, too, until they would
	// have ended by themselves.
	Revoked uint64 `json:"revoked"`
}

// FlowStates are tracked flows by what they are.
type FlowStates struct {
	// Open are TCP connections that are established, also while they end. HalfOpen ones are not
	// yet, and Closed ones have ended.
	Open     int `json:"open"`
	HalfOpen int `json:"half_open"`
	Closed   int `json:"closed"`
	// Datagrams are flows of UDP, and Streams those with more than one question and answer.
	Datagrams int `json:"udp"`
	Streams   int `json:"udp_stream"`
	// Queries are those of ICMP, Others those of other protocols.
	Queries int `json:"icmp_query"`
	Others  int `json:"other"`
	// Revoked were ended by order.
	Revoked int `json:"revoked"`
}

// Evicted is how many tracked flows made room for others, whatever they were.
func (f FlowStatus) Evicted() uint64 {
	return f.EvictedHalfOpen + f.EvictedUnreplied + f.EvictedAnswered + f.EvictedClosed
}

// VerdictCount is how many packets got a verdict for a reason.
type VerdictCount struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Packets uint64 `json:"packets"`
	// Ingress and Egress are those of them that entered or left what an interface protects, as
	// the one that decided sees it. No interface was asked about the rest.
	Ingress uint64 `json:"ingress"`
	Egress  uint64 `json:"egress"`
}
