package state

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestRevokeSparesTheCaller refuses to cut the SSH connection of whoever asks.
func TestRevokeSparesTheCaller(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.SSHPolicy(`cidr_blocks: [0.0.0.0/0]`))
	g.Expect(t, "enforced", harness.Filtered)
	ssh := harness.AddrPort(server.IPv4(), 22)
	s := newCord(t, d, client.Host(), server.Host(), ssh)
	from := netip.MustParseAddrPort(s.Caller.LocalAddr().String())
	ask := func(force bool) (int, string) {
		t.Helper()
		b, err := json.Marshal(map[string]any{
			"flows": map[string]any{"address": client.IPv4().String()}, "force": force,
			"caller": fmt.Sprintf("%s %d %s 22", from.Addr(), from.Port(), ssh.Addr()),
		})
		if err != nil {
			t.Fatal(err)
		}
		return d.Answer("/v1/revoke", string(b))
	}
	if status, reply := ask(false); status != http.StatusConflict ||
		!strings.Contains(reply, from.String()) || !strings.Contains(reply, "--force") {
		t.Errorf("status %d, want 409 and the connection\n%s", status, reply)
	}
	if !s.Lives() {
		t.Fatal("a refused request cut the connection")
	}
	if status, reply := ask(true); status != http.StatusOK {
		t.Errorf("forced: status %d\n%s", status, reply)
	}
	if !s.Cut() {
		t.Error("forced: the connection goes on")
	}
}
