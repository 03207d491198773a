package daemon

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/cmd/internal/control"
)

// Reloads, addresses that come and go, and questions, all at once: the race
// detector looks on, every answer is whole, and in the end the last policy and
// the last addresses are in force.
func TestEverythingAtOnce(t *testing.T) {
	const rounds = 30
	eth0 := link(t, "eth0")
	r := start(t, text)
	other := strings.Replace(text, "443", "80", 1)

	var changes, questions sync.WaitGroup
	done := make(chan struct{})
	ask := func(f func() error) {
		questions.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ask(func() error { _, err := r.Status(t.Context()); return err })
	ask(func() error {
		return r.Flows(t.Context(), control.FlowQuery{}, func(control.FlowsHeader) error { return nil }, func(control.Flow) error { return nil })
	})
	ask(func() error {
		x, err := r.Explain(t.Context(), control.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: ":443"})
		if err == nil && (x.Verdict == control.VerdictAccept) != (x.Rule != nil) {
			t.Errorf("half an answer: %+v", x)
		}
		return err
	})
	changes.Go(func() {
		for i := range rounds {
			if err := os.WriteFile(r.file, []byte([]string{text, other}[i%2]), 0o600); err != nil {
				t.Error(err)
			}
			if _, err := r.Reload(t.Context(), control.ReloadRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	changes.Go(func() {
		a, err := netlink.ParseAddr("192.0.2.1/24")
		if err != nil {
			t.Error(err)
			return
		}
		for range rounds {
			if err := netlink.AddrAdd(eth0, a); err != nil {
				t.Error(err)
			}
			if err := netlink.AddrDel(eth0, a); err != nil {
				t.Error(err)
			}
		}
		if err := netlink.AddrAdd(eth0, a); err != nil {
			t.Error(err)
		}
	})
	changes.Wait()
	close(done)
	questions.Wait()

	r.await(t, "the last address", func(s control.Status) bool {
		return len(s.Interfaces[0].Covered) == 1 && len(s.Interfaces[0].Covered[0].Addresses) == 1
	})
	for port, want := range map[string]string{":80": control.VerdictAccept, ":443": control.VerdictDrop} {
		x, err := r.Explain(t.Context(), control.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: port})
		if err != nil || x.Verdict != want {
			t.Errorf("port %s: %+v, %v, want %s", port, x, err, want)
		}
	}
	x, err := r.Explain(t.Context(), control.Query{Direction: "ingress", Protocol: "tcp", From: "192.0.2.1", To: ":7000"})
	if err != nil || x.Verdict != control.VerdictAccept {
		t.Errorf("the member of the last address: %+v, %v", x, err)
	}
}
