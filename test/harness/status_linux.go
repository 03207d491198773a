package harness

import (
	"strings"
	"testing"
	"time"
)

// StatusDocument is what `sgfw status -o json` says.
type StatusDocument struct {
	Schema, State string
	Degraded      []string
	Warnings      []struct{ Message, Hint string }
	PID           int
	Policy        struct {
		Generation uint64
	}
	Interfaces []struct {
		Device  string
		Covered []struct {
			Name      string
			Addresses []string
		}
	}
	Groups []struct {
		Name     string
		Attached bool
		Ingress  struct{ IPv4, IPv6 int }
		Quota    int
	}
	Quotas map[string]struct{ Used, Quota int }
	Table  struct {
		Hooks           []string
		QueueExpression string `json:"queue_expression"`
		Owner           bool
		Repaired        uint64
	}
	Queues []struct {
		Number                  uint16
		Accepted, Dropped, Lost uint64
	}
	// Offload is nil in the datapath that judges every packet.
	Offload *struct {
		Flows, Max     int
		Opening        int
		MaxOpening     int `json:"max_opening"`
		NoRoom         int `json:"no_room"`
		Packets, Bytes uint64
	}
	// FlowLog is nil where the policy asks for none.
	FlowLog *struct {
		Written, Lost uint64
		File, Failure string
		Unrecorded    uint64 `json:"unrecorded_packets"`
	} `json:"flow_log"`
	// Failures are stuck, overloaded and table_full.
	Failures []struct {
		Cause, Action  string
		Active         bool
		Times, Packets uint64
	}
	Interference []struct {
		What, Process string
		Count         uint64
		PID           int
		NetlinkPort   uint32 `json:"netlink_port"`
	}
	Verdicts []struct {
		Verdict, Reason string
		Packets         uint64
	}
}

// Packets counts the packets of a verdict.
func (s StatusDocument) Packets(verdict string) (n uint64) {
	for _, v := range s.Verdicts {
		if v.Verdict == verdict {
			n += v.Packets
		}
	}
	return n
}

// Queued counts the packets that the queues had a verdict for.
func (s StatusDocument) Queued() (n uint64) {
	for _, q := range s.Queues {
		n += q.Accepted + q.Dropped
	}
	return n
}

// Warns tells whether a warning of the status begins like this.
func (s StatusDocument) Warns(message string) bool {
	for _, w := range s.Warnings {
		if strings.HasPrefix(w.Message, message) {
			return true
		}
	}
	return false
}

// Covers tells whether an entry of the status has a device.
func (s StatusDocument) Covers(device string) bool {
	for _, in := range s.Interfaces {
		for _, c := range in.Covered {
			if c.Name == device {
				return true
			}
		}
	}
	return false
}

func (d *Daemon) Status() (s StatusDocument) {
	d.T.Helper()
	d.Document(&s, "status")
	return s
}

// Becomes waits until the status is as it should be.
func (d *Daemon) Becomes(t testing.TB, what string, ok func(StatusDocument) bool) StatusDocument {
	t.Helper()
	deadline := time.Now().Add(EnoughTime(t))
	for {
		s := d.Status()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %+v", what, s)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// AtGeneration waits until so many rulesets were published, and no more.
func (d *Daemon) AtGeneration(t testing.TB, what string, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
		got := d.Unconfirmed().Policy.Generation
		if got == want {
			return
		}
		if got > want || time.Now().After(deadline) {
			t.Fatalf("%s: generation %d, want %d", what, got, want)
		}
	}
}
