package filter

import (
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
)

// TestCutUnderFlood: who opened a flow that was cut is known for as long as its
// server tries, whatever else strangers make the table remember meanwhile.
// Otherwise they would make it forget, the next retransmission would be the
// beginning of a tracked flow, and the client that was cut were in it (T15).
func TestCutUnderFlood(t *testing.T) {
	parity.Proves(t, "T15")
	ssh4, vpn4 := tcpRule(22, "0.0.0.0/0"), ruleFor(policy.UDP, 51820, 51820, "0.0.0.0/0")
	b := newBench(t, awsPolicy(rules(ssh4, vpn4, web4, dns4), rules(all4)))
	b.Engine = NewEngine(Config{MaxFlows: 16, Clock: func() conntrack.Time { return b.now }},
		b.Ruleset())
	b.Worker = b.NewWorker()
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 22, 1, 0, conntrack.SYN)), ReasonUntracked)
	expect(t, "SYN-ACK", b.out(tcp4(us, client, 22, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonUntracked)
	expect(t, "ACK", b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK)), ReasonUntracked)
	expect(t, "datagram", b.in(udp4(client, us, 40000, 51820)), ReasonUntracked)
	expect(t, "its answer", b.out(udp4(us, client, 51820, 40000)), ReasonUntracked)
	b.apply(awsPolicy(rules(web4, dns4), rules(all4)))

	// From anywhere, and nobody answers.
	for port := range uint16(5000) {
		expect(t, "SYN", b.in(tcp4(other, us, port+1024, 80, 1, 0, conntrack.SYN)), ReasonUntracked)
	}
	expect(t, "UDP out, a rule", b.out(udp4(us, client, 51820, 40000)), ReasonUntracked)
	expect(t, "UDP in, no rule", b.in(udp4(client, us, 40000, 51820)), ReasonNoRule)

	// From anywhere, and answered: that proves no address either.
	for port := range uint16(5000) {
		expect(t, "question", b.in(udp4(other, us, port+1024, 53)), ReasonUntracked)
		expect(t, "answer", b.out(udp4(us, other, 53, port+1024)), ReasonUntracked)
	}
	for range 3 {
		expect(t, "TCP out, a rule", b.out(tcp4(us, client, 22, 40000, 10, 2, conntrack.ACK)),
			ReasonUntracked)
		expect(t, "TCP in, no rule", b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK)),
			ReasonNotAFlow)
		b.wait(2 * time.Minute)
	}
	if st := b.Flows().Stats(); st.Flows != 0 || st.EvictedUntracked < 8000 ||
		st.Untracked > st.MaxUntracked {
		t.Errorf("flows %+v", st)
	}
}
