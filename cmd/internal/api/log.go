package api

import "time"

// LogQuery selects verdicts: those for which everything that is given holds.
type LogQuery struct {
	// Follow asks for verdicts as they happen until the client goes; without it
	// the answer is the last drops.
	Follow bool `json:"follow,omitempty"`
	// Verdict is VerdictAccept, VerdictDrop, or empty for both.
	Verdict string `json:"verdict,omitempty"`
	// Established includes packets of live flows, untracked ones as well, and those
	// of exempt services, which only Follow can show.
	Established bool `json:"established,omitempty"`
	// Reasons are names of reasons; "packet" is every packet that could not be read.
	Reasons []string `json:"reasons,omitempty"`
	// Interface is a device name, the beginning of names and a *, or an interface's
	// ID.
	Interface string `json:"interface,omitempty"`
	// Group has permitted the packet, or is attached where it was dropped; by name or
	// ID.
	Group string `json:"group,omitempty"`
	// Address is an address or CIDR of either end.
	Address string `json:"address,omitempty"`
	// Protocol is a name or a number.
	Protocol string `json:"protocol,omitempty"`
	// Port is one of either end, 0 for any.
	Port uint16 `json:"port,omitempty"`
	// Where is a query of terms such as port:443 -proto:icmp. It has to hold beside the
	// fields above, which mean the same as the terms verdict, reason, iface, group, addr, proto
	// and port.
	Where string `json:"where,omitempty"`
	// Rate is how many verdicts a second are sent at most when following, 0 for no
	// bound. The rest is counted.
	Rate int `json:"rate,omitempty"`
	// Limit bounds the number of verdicts when not following, 0 for as many as
	// there are.
	Limit int `json:"limit,omitempty"`
}

// Types of a LogRecord.
const (
	LogVerdict = "verdict"
	LogLost    = "lost"
)

// LogRecord is one verdict, or equal drops, or how many were not shown.
type LogRecord struct {
	Schema string `json:"schema"`
	// Type is LogVerdict or LogLost; what is not of its type is left out.
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	// Count is how many equal drops the record stands for, at least, of which Time is that
	// of the latest and First that of the first. A log that is followed shows the first
	// of them at once, and the others once a second.
	Count uint64     `json:"count,omitempty"`
	First *time.Time `json:"first,omitempty"`

	Verdict   string `json:"verdict,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Interface string `json:"interface,omitempty"`
	// InterfaceID is left out for a device that is not managed.
	InterfaceID string `json:"interface_id,omitempty"`
	Direction   string `json:"direction,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	// From and To are the packet's source and destination: ADDRESS:PORT for TCP
	// and UDP, else addresses.
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	TCPFlags []string `json:"tcp_flags,omitempty"`
	ICMPType *uint8   `json:"icmp_type,omitempty"`
	ICMPCode *uint8   `json:"icmp_code,omitempty"`
	// Length is the packet's length in bytes.
	Length uint32 `json:"length,omitempty"`
	// Rule permitted the packet or the first one of its flow.
	Rule *RuleRef `json:"rule,omitempty"`
	// Nearest is the rule that came nearest to permitting a dropped packet.
	Nearest *Miss `json:"nearest_miss,omitempty"`

	// Local is true for a dropped packet that came from this machine itself, and Process the
	// program that sent it. The command that shows the log finds out: where it runs as another
	// user than the program, or in another network namespace, it does not know.
	Local   bool     `json:"local,omitempty"`
	Process *Process `json:"process,omitempty"`

	Lost *LogLoss `json:"lost,omitempty"`
}

// Process is a program of this machine.
type Process struct {
	// Name is the name that ps shows, PID its number.
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// LogLoss counts the selected verdicts that were not sent since the last such
// record.
type LogLoss struct {
	// Rate counts those beyond the rate asked for, Buffer those that came faster
	// than they could be recorded or read. Of what was not recorded only the reason is known:
	// some of it may be no verdicts that were asked for.
	Rate   uint64 `json:"rate"`
	Buffer uint64 `json:"buffer"`
}
