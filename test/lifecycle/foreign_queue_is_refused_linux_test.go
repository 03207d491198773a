package lifecycle

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
)

// TestForeignQueueIsRefused starts while another program has one of the queues.
func TestForeignQueueIsRefused(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	foreign, err := nfqueue.Open(&nfqueue.Config{NfQueue: 4301, NetNS: server.Host().NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	// Registering binds the queue.
	if err := foreign.RegisterWithErrorFunc(t.Context(), func(nfqueue.Attribute) int { return 0 },
		func(error) int { return 0 }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { foreign.Close() })
	before := snapshot(t, server.Host())
	d := harness.Prepare(t, server.Host(),
		strings.Replace(harness.GatePolicy(), "count: 1", "base: 4300, count: 2", 1))
	said := d.Refuses(1)
	// The holder is this process.
	if !strings.Contains(said, "4301") ||
		!regexp.MustCompile(fmt.Sprintf(`\b%d\b`, pid)).MatchString(said) {
		t.Errorf("it does not name queue 4301 and PID %d:\n%s", pid, said)
	}
	if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
		t.Errorf("the machine before (-) and after the refusal (+):\n%s", diff)
	}
	g.Expect(t, "refused", harness.Open)
	d.Write(harness.GatePolicy())
	d.Start()
	g.Expect(t, "started on other queues", harness.Filtered)
}
