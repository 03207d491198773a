package lifecycle

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestSSHGuardKnowsItsCaller starts from a session of which only the environment
// tells, as when its server is not in this network namespace's socket table.
func TestSSHGuardKnowsItsCaller(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), harness.GatePolicy())
	for _, connection := range []string{
		"192.0.2.1 50000 192.0.2.2 22", "2001:db8::1 50000 2001:db8::2 2222"} {
		d.Env = []string{"SSH_CONNECTION=" + connection}
		said := d.Refuses(5)
		if client, _, _ := strings.Cut(connection, " "); !strings.Contains(said, client) ||
			!strings.Contains(said, "eth0") {
			t.Errorf("it does not name %s and eth0:\n%s", client, said)
		}
	}
	g.Expect(t, "refused", harness.Open)
	// Neither an admitted client nor one of another machine is in danger.
	for _, c := range []struct{ connection, policy string }{
		{"192.0.2.1 50000 192.0.2.2 22", harness.SSHPolicy(`cidr_blocks: [192.0.2.1/32]`)},
		{"192.0.2.1 50000 203.0.113.9 22", harness.GatePolicy()},
		{"", harness.GatePolicy()},
	} {
		d.Env = []string{"SSH_CONNECTION=" + c.connection}
		d.Write(c.policy)
		d.Start()
		g.Expect(t, "SSH_CONNECTION="+c.connection, harness.Filtered)
		d.Stop()
	}
}
