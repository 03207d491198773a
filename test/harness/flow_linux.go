package harness

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ListedFlow is what `sgfw flows -o json` says of a flow.
type ListedFlow struct {
	Interface, Direction, Protocol string
	Local, Remote                  string
	ICMPType                       *uint8  `json:"icmp_type"`
	ICMPID                         *uint16 `json:"icmp_id"`
	State                          string
	Age                            int64 `json:"age_seconds"`
	Expires                        int64 `json:"expires_seconds"`
	Packets, Bytes                 struct{ Ingress, Egress uint64 }
	Tracked, Cut, Adopted          bool
	Clause                         string `json:"tracking_clause"`
}

// Flows lists the live flows of a daemon.
func (d *Daemon) Flows() []ListedFlow {
	d.T.Helper()
	var list struct {
		Schema string
		Flows  []ListedFlow
	}
	d.Document(&list, "flows")
	if list.Schema != "sgfw/v1" {
		d.T.Errorf("schema of flows: %q", list.Schema)
	}
	return list.Flows
}

// Flow returns the flow of a protocol between two endpoints as they are
// written, zero if there is none.
func (d *Daemon) Flow(protocol, local, remote string) (f ListedFlow, ok bool) {
	d.T.Helper()
	for _, f := range d.Flows() {
		if f.Protocol == protocol && f.Local == local && f.Remote == remote {
			return f, true
		}
	}
	return ListedFlow{}, false
}

// InState waits until a flow is in a state, or in one of several with | between them: the
// verdict on the packet that moves it there may still be under way.
func (d *Daemon) InState(t *testing.T, state, protocol, local, remote string) ListedFlow {
	t.Helper()
	deadline := time.Now().Add(ArrivalTimeout)
	for {
		f, ok := d.Flow(protocol, local, remote)
		if ok && slices.Contains(strings.Split(state, "|"), f.State) {
			return f
		}
		if time.Now().After(deadline) {
			t.Errorf("flow %s %s - %s: %+v, want state %s", protocol, local, remote, f, state)
			return f
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Lives waits until an established connection has at least so many seconds before it:
// while one side's data waits for its acknowledgement, which TCP may delay, it is 300.
func (d *Daemon) Lives(t *testing.T, least int64, local, remote string) ListedFlow {
	t.Helper()
	for deadline := time.Now().Add(ArrivalTimeout); ; time.Sleep(10 * time.Millisecond) {
		f := d.InState(t, "established", "tcp", local, remote)
		if f.Expires >= least || t.Failed() {
			return f
		}
		if time.Now().After(deadline) {
			t.Errorf("connection %s - %s ends in %d s, want at least %d", local, remote, f.Expires, least)
			return f
		}
	}
}

// FlowsBetween counts the live flows of a protocol between two endpoints.
func (d *Daemon) FlowsBetween(t *testing.T, protocol, local, remote string) (n int) {
	t.Helper()
	for _, f := range d.Flows() {
		if f.Protocol == protocol && f.Local == local && f.Remote == remote {
			n++
		}
	}
	return n
}

// Tracks compares what `sgfw flows` says of the tracking of a flow.
func (d *Daemon) Tracks(t *testing.T, protocol string, local, remote fmt.Stringer, tracked bool,
	clause string) {
	t.Helper()
	f, ok := d.Flow(protocol, local.String(), remote.String())
	if !ok || f.Tracked != tracked || f.Clause != clause {
		t.Errorf("%s %s - %s: listed %t, tracked %t (%s), want %t (%s)", protocol, local, remote, ok,
			f.Tracked, f.Clause, tracked, clause)
	}
}
