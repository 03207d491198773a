package state

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUntrackedIsTrackedLater takes away what leaves a session untracked, but not
// the rule that opened it: from the client's next packet on it is tracked, and goes
// on without any rule (T19). Before that packet the server has no rule. What is
// tracked stays so when rules are wide again. The setting can change under live
// flows, too.
func TestUntrackedIsTrackedLater(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T19")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	in := []string{harness.Allow("tcp", harness.Inward), harness.Allow("udp", harness.Inward)}
	wide := harness.PolicyWith(in, []string{toEverybody}, asAWS)
	d := harness.Enforce(t, server.Host(), wide)
	for what, later := range map[string]string{
		"without the return rule": harness.PolicyWith(in, nil, asAWS),
		"tracking: always":        harness.PolicyWith(in, nil, "tracking: always"),
	} {
		if t.Failed() {
			return
		}
		harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
			d.Reload(wide)
			s := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, harness.Inward))
			asks, answers := harness.NewInbox(t, client.Host(), harness.AddrPort(near, 0)),
				harness.NewInbox(t, server.Host(), harness.AddrPort(far, harness.Inward))
			from, ok := answers.Receives(asks.Send(t, harness.AddrPort(far, harness.Inward)),
				harness.ArrivalTimeout)
			if !ok {
				t.Fatal("no datagram arrived")
			}
			d.Tracks(t, "tcp", s.Callee.LocalAddr(), s.Callee.RemoteAddr(), false, "both-rules")
			d.Tracks(t, "udp", harness.AddrPort(far, harness.Inward), from, false, "both-rules")

			d.Reload(later)
			early, answer := tell(t, s.Callee), answers.Send(t, from)
			if gets(s.Caller, early, harness.SilenceTimeout) {
				t.Errorf("%s: a segment of the server passed before the client had spoken", what)
			}
			if _, ok := asks.Has(answer); ok {
				t.Errorf("%s: an answer passed before the client had spoken", what)
			}
			if !gets(s.Callee, tell(t, s.Caller), harness.ArrivalTimeout) ||
				!gets(s.Caller, early, harness.ArrivalTimeout) {
				t.Errorf("%s: the session does not go on", what)
			}
			if _, ok := answers.Receives(asks.Send(t, harness.AddrPort(far, harness.Inward)),
				harness.ArrivalTimeout); !ok {
				t.Errorf("%s: the next datagram did not arrive", what)
			}
			d.Reload(wide)
			if !s.Lives() {
				t.Errorf("%s: the session ended with wide rules", what)
			}
			d.Reload(nothing)
			if !s.Lives() {
				t.Errorf("%s: the session was cut: it is not tracked", what)
			}
			if _, ok := asks.Receives(answers.Send(t, from), harness.ArrivalTimeout); !ok {
				t.Errorf("%s: the answer did not arrive: UDP is not tracked", what)
			}
			if harness.Connects(t, client.Host(), harness.Anywhere, harness.AddrPort(far, harness.Inward),
				harness.SilenceTimeout) {
				t.Errorf("%s: a new session came about without a rule", what)
			}
			d.Revoke(t, 1, 0, "--proto", "tcp", "--to", harness.AddrPort(far, harness.Inward).String())
		})
	}
}
