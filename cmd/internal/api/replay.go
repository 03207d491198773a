package api

import "time"

// Types of a ReplayPart.
const (
	ReplayPacket  = "packet"
	ReplaySummary = "summary"
)

// ReplayPart is a part of what `replay` prints: a packet of a capture or, at the end, what
// became of all of them.
type ReplayPart struct {
	Schema string `json:"schema"`
	// Type is ReplayPacket or ReplaySummary; what is not of its type is left out.
	Type string `json:"type"`

	// Packet is the number of the packet in its file, from 1 as in Wireshark.
	Packet uint64 `json:"packet,omitempty"`
	// Verdict is what the policy makes of it, NEW of two. The reason is ReasonNotManaged for
	// what passes unseen by that policy.
	Verdict *LogRecord `json:"verdict,omitempty"`
	// Before and After are the states of its flow, left out for none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Old is what the policy OLD makes of it, where two are compared.
	Old *LogRecord `json:"old,omitempty"`
	// Recorded is what the capture says that was decided, if sgfw wrote it.
	Recorded *RecordedVerdict `json:"recorded,omitempty"`

	Summary *ReplayTotals `json:"summary,omitempty"`
}

// RecordedVerdict is what a capture says about one of its packets.
type RecordedVerdict struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Rule    string `json:"rule,omitempty"`
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
}

// ReplayTotals is what became of the packets of a capture.
type ReplayTotals struct {
	// Packets is how many there are, Accepted and Dropped how many of them were judged so.
	Packets  uint64 `json:"packets"`
	Accepted uint64 `json:"accepted"`
	Dropped  uint64 `json:"dropped"`
	// Changed is how many of them the policies OLD and NEW judge differently.
	Changed *uint64 `json:"changed,omitempty"`
	// AsRecorded is how many have the verdict, reason and rule that the capture says, and
	// Otherwise how many have others. Both are 0 for a capture that sgfw did not write.
	AsRecorded uint64 `json:"as_recorded"`
	Otherwise  uint64 `json:"otherwise"`
	// Skipped are those that could not be judged.
	Skipped []ReplaySkip `json:"skipped"`
	// First and Last are the times of the first and the last packet that have one.
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`
	// Rulesets is how many different rulesets decided while the capture was made, 0 if sgfw did
	// not write it.
	Rulesets int `json:"rulesets"`
	// Cut is true for a file that ends within a packet.
	Cut bool `json:"cut"`
}

// ReplaySkip is how many packets could not be judged for one cause.
type ReplaySkip struct {
	Cause   string `json:"cause"`
	Packets uint64 `json:"packets"`
}
