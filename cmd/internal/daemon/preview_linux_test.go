package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
)

// large is a policy whose rules take a while to compile.
func large(groups int) string {
	var b strings.Builder
	b.WriteString("version: 1\nsecurity_groups:\n")
	for g := range groups {
		fmt.Fprintf(&b, "  - name: g%d\n    description: d\n    egress: []\n    ingress:\n", g)
		for r := range 50 {
			fmt.Fprintf(&b, "      - { protocol: tcp, ports: %d, cidr_blocks: [10.%d.%d.%d/32] }\n",
				1+r*groups/50, r, g>>8, g&255)
		}
	}
	b.WriteString("interfaces:\n  - { device: eth0, security_groups: [g0, g1] }\n")
	return b.String()
}

// TestNothingWaitsForPreviews: while a large policy is previewed again and again, whatever
// takes the enforcer's lock goes on: status, links, the table, a roll-back. The previews
// leave nothing behind.
func TestNothingWaitsForPreviews(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	write(t, r.file, large(300))
	type preview struct {
		took  time.Duration
		reply api.ReloadReply
		err   error
	}
	ended := make(chan preview, 1)
	var spent, waited time.Duration
	for range 3 {
		go func() {
			begun := time.Now()
			reply, err := r.d.Reload(t.Context(), api.ReloadRequest{DryRun: true})
			ended <- preview{time.Since(begun), reply, err}
		}()
		for over := false; !over; {
			begun := time.Now()
			r.d.enforcer.Settings()
			waited = max(waited, time.Since(begun))
			select {
			case p := <-ended:
				must(t, p.err)
				if !p.reply.DryRun || len(p.reply.Changes) < 300 || p.reply.Generation != 1 {
					t.Errorf("reply: %d changes, %+v", len(p.reply.Changes), p.reply.Generation)
				}
				spent, over = spent+p.took, true
			case <-time.After(time.Millisecond):
			}
		}
	}
	t.Logf("a preview takes %s, the lock was waited for %s at most", spent/3, waited)
	if spent < 300*time.Millisecond || waited > spent/3/4 {
		t.Errorf("a preview takes %s, the lock was waited for %s", spent/3, waited)
	}
	write(t, r.file, strings.Replace(text, "443", "80", 1))
	reply, err := r.Reload(t.Context(), api.ReloadRequest{})
	must(t, err)
	if reply.Generation != 2 {
		t.Errorf("generation %d after previews", reply.Generation)
	}
}
