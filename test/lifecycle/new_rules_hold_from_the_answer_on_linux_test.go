package lifecycle

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestNewRulesHoldFromTheAnswerOn fires the first new flows as soon as the reload
// has answered: they meet the new rules, whichever way these changed.
func TestNewRulesHoldFromTheAnswerOn(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R44")
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "started", harness.Filtered)
	for i := range 100 {
		d.ReloadNow([]string{turned, harness.GatePolicy()}[i%2])
		g.Turn()
		g.Expect(t, fmt.Sprintf("reload %d", i), harness.Filtered)
		if t.Failed() {
			return
		}
	}
	// The same by the program's own command and by a signal, which answers
	// nothing: the new rules hold soon, and from then on.
	d.Reload(turned)
	g.Turn()
	g.Expect(t, "sgfw reload", harness.Filtered)
	for range 2 {
		for _, p := range []string{harness.GatePolicy(), turned} {
			d.Write(p)
			if err := d.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			g.Turn()
			g.Soon(t, "SIGHUP", harness.Filtered)
		}
	}
	// An invalid policy by signal ends nothing.
	d.Write("version: 2\n")
	if err := d.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(harness.ArrivalTimeout); !strings.Contains(d.Log.String(),
		"policy.yaml:1:"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("no word about the invalid policy\n%s", d.Log)
			break
		}
	}
	g.Expect(t, "SIGHUP with an invalid policy", harness.Filtered)
}
