package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// RulesQuery selects rules: those for which everything that is given holds. The
// zero value selects all.
type RulesQuery struct {
	// Group is the rule's group, by name or ID.
	Group string `json:"group,omitempty"`
	// Unused selects the rules in force that have admitted nothing yet.
	Unused bool `json:"unused,omitempty"`
}

// RulesReply lists the rules in force and those removed ones that still carry
// flows.
type RulesReply struct {
	Schema     string `json:"schema"`
	Generation uint64 `json:"generation"`
	// Since is the start of the daemon, from when on hits count.
	Since time.Time  `json:"since"`
	Rules []RuleHits `json:"rules"`
}

// RuleHits is a rule and what it did.
type RuleHits struct {
	RuleRef
	// Attached is true if an interface of the policy has the rule's group.
	Attached bool `json:"attached"`
	// Hits counts the packets that the rule admitted: the first of each tracked flow,
	// and all of its direction in others. Where
	// several rules permit a packet one of them is counted.
	Hits    uint64     `json:"hits"`
	LastHit *time.Time `json:"last_hit,omitempty"`
	// Flows is how many live flows the rule admitted.
	Flows int `json:"flows"`
}

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

// LogRecord is one verdict, or how many were not shown.
type LogRecord struct {
	Schema string `json:"schema"`
	// Type is LogVerdict or LogLost; what is not of its type is left out.
	Type string    `json:"type"`
	Time time.Time `json:"time"`

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

	Lost *LogLoss `json:"lost,omitempty"`
}

// LogLoss counts the selected verdicts that were not sent since the last such
// record.
type LogLoss struct {
	// Rate counts those beyond the rate asked for, Buffer those that came faster
	// than they could be read.
	Rate   uint64 `json:"rate"`
	Buffer uint64 `json:"buffer"`
}

// logHeader is the first line of the answer: the log has begun.
type logHeader struct {
	Schema string `json:"schema"`
	Follow bool   `json:"follow"`
}

const (
	// maxFollowers leaves most of maxClients to others. Onlookers and those who rule
	// have as many each.
	maxFollowers = 8
	// logTimeout is how long a follower may take to read what was sent.
	logTimeout = 10 * time.Second
)

// Rules asks for the rules and their hits.
func (c *Client) Rules(ctx context.Context, q RulesQuery) (RulesReply, error) {
	var doc RulesReply
	err := c.document(ctx, http.MethodPost, "rules", q, &doc, &doc.Schema)
	return doc, err
}

// Log calls begin once the daemon answers, and then each for every record. It
// returns nil at the end of what was asked for; a log that is followed ends with
// ctx, or with ErrNoDaemon when the daemon stops.
func (c *Client) Log(ctx context.Context, q LogQuery, begin func() error, each func(LogRecord) error) error {
	body, err := c.do(ctx, http.MethodPost, "log", q)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	var h logHeader
	if err := d.Decode(&h); err != nil {
		return fmt.Errorf("%w: log: %w", ErrProtocol, err)
	}
	if err := sameSchema("log", h.Schema); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	for {
		var r LogRecord
		switch err := d.Decode(&r); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF) && !q.Follow:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && q.Follow:
			return fmt.Errorf("%w any more: it ended", ErrNoDaemon)
		case err != nil:
			return fmt.Errorf("log: the answer was cut short: %w", err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// streamLog serves one log; stop ends it with the server. Every call of the
// backend with records is sent at once.
func streamLog(stop context.Context, b Backend) http.HandlerFunc {
	onlookers, rulers := make(chan struct{}, maxFollowers), make(chan struct{}, maxFollowers)
	return func(w http.ResponseWriter, r *http.Request) {
		var q LogQuery
		if err := decode(w, r, &q); err != nil {
			answer(w, nil, err)
			return
		}
		if q.Follow {
			followers := onlookers
			if peerOf(r.Context()).rules() {
				followers = rulers
			}
			select {
			case followers <- struct{}{}:
				defer func() { <-followers }()
			default:
				fail(w, http.StatusServiceUnavailable, &Failure{Kind: KindFailed, Message: fmt.Sprintf("%d others follow the log already", maxFollowers)})
				return
			}
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stop, cancel)()

		conn := http.NewResponseController(w)
		buf := bufio.NewWriter(w)
		enc := json.NewEncoder(buf)
		begun := false
		flush := func() error {
			return errors.Join(conn.SetWriteDeadline(time.Now().Add(logTimeout)), buf.Flush(), conn.Flush())
		}
		err := b.Log(ctx, q, func() error {
			begun = true
			// The request has been read, and what comes may take days.
			if err := conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/x-ndjson")
			return errors.Join(enc.Encode(logHeader{Schema: Schema, Follow: q.Follow}), flush())
		}, func(records []LogRecord) error {
			for i := range records {
				records[i].Schema = Schema
				if err := enc.Encode(&records[i]); err != nil {
					return err
				}
			}
			return flush()
		})
		switch {
		case err == nil:
		case begun:
			panic(http.ErrAbortHandler)
		default:
			answer(w, nil, err)
		}
	}
}
