package test

import (
	"testing"
	"time"
)

// listedFlow is what `sgfw flows -o json` says of a flow.
type listedFlow struct {
	Interface, Direction, Protocol string
	Local, Remote                  string
	ICMPType                       *uint8  `json:"icmp_type"`
	ICMPID                         *uint16 `json:"icmp_id"`
	State                          string
	Age                            int64 `json:"age_seconds"`
	Expires                        int64 `json:"expires_seconds"`
	Packets, Bytes                 struct{ Ingress, Egress uint64 }
	Tracked, Cut                   bool
	Clause                         string `json:"tracking_clause"`
}

// flows lists the live flows of a daemon.
func (d *daemon) flows() []listedFlow {
	d.t.Helper()
	var list struct {
		Schema string
		Flows  []listedFlow
	}
	d.document(&list, "flows")
	if list.Schema != "sgfw/v1" {
		d.t.Errorf("schema of flows: %q", list.Schema)
	}
	return list.Flows
}

// flow returns the flow of a protocol between two endpoints as they are
// written, zero if there is none.
func (d *daemon) flow(protocol, local, remote string) (f listedFlow, ok bool) {
	d.t.Helper()
	for _, f := range d.flows() {
		if f.Protocol == protocol && f.Local == local && f.Remote == remote {
			return f, true
		}
	}
	return listedFlow{}, false
}

// inState waits until a flow is in a state: the verdict on the packet that moves
// it there may still be under way.
func (d *daemon) inState(t *testing.T, state, protocol, local, remote string) listedFlow {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		f, ok := d.flow(protocol, local, remote)
		if ok && f.State == state {
			return f
		}
		if time.Now().After(deadline) {
			t.Errorf("flow %s %s - %s: %+v, want state %s", protocol, local, remote, f, state)
			return f
		}
		time.Sleep(10 * time.Millisecond)
	}
}
