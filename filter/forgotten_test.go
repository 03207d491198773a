package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
)

// forgetful is a bench with a small table, of a daemon that knows no flow.
func (b *bench) forgetful(p *policy.Policy) {
	b.compiler = NewCompiler()
	b.Engine = NewEngine(Config{MaxFlows: 16, Clock: func() conntrack.Time { return b.now }},
		b.compiler.Compile(p, nil).WithLinks(testLinks))
	b.Worker = b.NewWorker()
}

// restarted is forgetful for a daemon that takes over what is kept beside the flows.
func (b *bench) restarted(p *policy.Policy) {
	list := b.Tallies(b.Ruleset().Identities(nil))
	b.forgetful(p)
	b.AddTallies(b.Ruleset().Identities(nil), list)
}

// TestPastOpeningsGoOn: a daemon that knows nothing of the one before takes what goes on for
// a connection of whom its rules permit. What is damaged is left out.
func TestPastOpeningsGoOn(t *testing.T) {
	web, narrow := awsPolicy(rules(web4), rules(all4)),
		awsPolicy(nil, rules(ruleFor(policy.TCP, 1024, 65535, "0.0.0.0/0")))
	b := newBench(t, web)
	answer := func(from uint16) []byte { return tcp4(us, client, from, 2000, 10, 2, conntrack.ACK) }
	list := b.Tallies(b.Ruleset().Identities(nil))
	b.forgetful(narrow)
	expect(t, "nothing is known", b.out(answer(80)), ReasonRule)
	b.restarted(narrow)
	b.AddTallies(b.Ruleset().Identities(nil), list)
	expect(t, "what was open", b.out(answer(80)), ReasonUntracked)
	expect(t, "what was never open", b.out(answer(81)), ReasonRule)
	for i := range list {
		if list[i].Of == openingTally(0, 0, 0) {
			list[i].Count = 1<<32 | 90<<16 | 80
		}
	}
	b.forgetful(narrow)
	b.AddTallies(b.Ruleset().Identities(nil), list)
	expect(t, "ports that end before they begin", b.out(answer(80)), ReasonRule)
}

// TestForgottenIsCut: an untracked connection is cut with its rule, also if it is not
// among those that are remembered, whoever goes on first: what the server sends is an
// answer by the rule for all ports, and never begins a flow that the client is in (T15,
// T22). So it is after a restart, and if that rule becomes narrower at the same time.
func TestForgottenIsCut(t *testing.T) {
	parity.Proves(t, "T15", "T22")
	const sessions = 3000
	high4 := ruleFor(policy.TCP, 1024, 65535, "0.0.0.0/0")
	web, shut := awsPolicy(rules(web4), rules(all4)), awsPolicy(nil, rules(all4))
	b := newBench(t, web)
	answer := func(port uint16) []byte {
		return tcp4(us, client, 80, port, 10, 2, conntrack.ACK)
	}
	request := func(port uint16) []byte {
		return tcp4(client, us, port, 80, 2, 10, conntrack.ACK)
	}
	for _, c := range []struct {
		what string
		next func()
		out  Reason
	}{
		{"without its rule", func() { b.apply(shut) }, ReasonUntracked},
		{"with a narrow rule for its answers", func() { b.apply(awsPolicy(nil, rules(high4))) },
			ReasonUntracked},
		{"after a restart", func() { b.forgetful(shut) }, ReasonUntracked},
		{"after a restart with a narrow rule for its answers", func() {
			b.restarted(awsPolicy(nil, rules(high4)))
		}, ReasonUntracked},
		{"after two restarts", func() {
			b.restarted(awsPolicy(nil, rules(high4)))
			b.restarted(awsPolicy(nil, rules(high4)))
		}, ReasonUntracked},
	} {
		b.forgetful(web)
		for port := range uint16(sessions) {
			b.in(tcp4(client, us, 1024+port, 80, 1, 0, conntrack.SYN))
			b.out(tcp4(us, client, 80, 1024+port, 9, 2, conntrack.SYN|conntrack.ACK))
			b.in(request(1024 + port))
		}
		if st := b.Flows().Stats(); st.Untracked > sessions/2 {
			t.Fatalf("%d sessions are remembered", st.Untracked)
		}
		c.next()
		for range 2 {
			for port := range uint16(sessions) {
				if r := b.out(answer(1024 + port)).Reason; r != c.out {
					t.Fatalf("%s: session %d: the server's segment: %s, want %s", c.what, port, r, c.out)
				}
				if r := b.in(request(1024 + port)).Reason; r != ReasonNotAFlow {
					t.Fatalf("%s: session %d: the client's segment: %s", c.what, port, r)
				}
			}
		}
		if n := b.Flows().Len(); n != 0 {
			t.Errorf("%s: %d flows are tracked", c.what, n)
		}
		b.apply(web)
		expect(t, c.what+": with its rule", b.in(request(1024)), ReasonUntracked)
	}
}

// TestForgottenByWhomEver: where rules for all ports go both ways, a segment from the
// middle does not tell who opened its connection, and nobody is remembered for it. A
// guess would let the connection go on once only the other direction is permitted.
func TestForgottenByWhomEver(t *testing.T) {
	parity.Proves(t, "T15", "T19", "T22")
	b := newBench(t, awsPolicy(rules(all4), rules(all4)))
	server, visitor := tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK),
		tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)
	expect(t, "server", b.out(server), ReasonUntracked)
	expect(t, "client", b.in(visitor), ReasonUntracked)
	b.apply(awsPolicy(rules(tcpRule(22, "0.0.0.0/0")), rules(all4)))
	expect(t, "server, a rule", b.out(server), ReasonUntracked)
	expect(t, "client, none", b.in(visitor), ReasonNotAFlow)
	b.apply(awsPolicy(rules(web4), nil))
	// The server may have opened it, too: to a port that it could once open to.
	expect(t, "client, a rule", b.in(visitor), ReasonUntracked)
	expect(t, "server, none", b.out(server), ReasonNotAFlow)
}

// TestForgottenOpenerIsTracked: who can only have opened a connection goes on with it
// mid-stream, as ever (T19, T22).
func TestForgottenOpenerIsTracked(t *testing.T) {
	parity.Proves(t, "T19", "T22")
	for what, p := range map[string]*policy.Policy{
		"never open to everybody":   awsPolicy(rules(tcpRule(80, "198.51.100.0/24")), rules(all4)),
		"the return rule is narrow": awsPolicy(rules(web4), rules(tcpRule(443, "0.0.0.0/0"))),
	} {
		b := newBench(t, p)
		expect(t, what+": client", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)), ReasonRule)
		b.apply(awsPolicy(nil, nil))
		expect(t, what+": server", b.out(tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK)), ReasonFlow)
	}
}

// TestRefusedOpensNothing: a policy that was compiled and never in force, as that of a dry
// run, opened nothing: who goes on mid-stream is its opener as before. One that was in
// force did (T19, T22).
func TestRefusedOpensNothing(t *testing.T) {
	parity.Proves(t, "T19", "T22")
	narrow := awsPolicy(rules(tcpRule(80, "0.0.0.0/0")), rules(tcpRule(443, "198.51.100.0/24")))
	open := awsPolicy(rules(all4), rules(all4))
	b := newBench(t, narrow)
	b.compiler.Discard(b.compiler.Compile(open, nil).WithLinks(testLinks))
	b.apply(narrow)
	expect(t, "a client", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)), ReasonRule)
	b.apply(open)
	b.apply(narrow)
	expect(t, "another client", b.in(tcp4(client, us, 40001, 80, 2, 10, conntrack.ACK)),
		ReasonUntracked)
}

// TestDatagramOpensItsOwnFlow: the first datagram that goes out is a question, also from
// a port that everybody may send to: its answers pass after that rule is gone (T2, T15).
func TestDatagramOpensItsOwnFlow(t *testing.T) {
	parity.Proves(t, "T2", "T15")
	high4 := ruleFor(policy.UDP, 1024, 65535, "0.0.0.0/0")
	b := newBench(t, awsPolicy(rules(high4), rules(all4)))
	expect(t, "question", b.out(udp4(us, resolver, 40000, 53)), ReasonRule)
	expect(t, "answer", b.in(udp4(resolver, us, 53, 40000)), ReasonFlow)
	expect(t, "a visitor", b.in(udp4(client, us, 5000, 40001)), ReasonUntracked)
	expect(t, "answered", b.out(udp4(us, client, 40001, 5000)), ReasonUntracked)
	b.apply(awsPolicy(nil, rules(all4)))
	expect(t, "question without the rule", b.out(udp4(us, resolver, 40000, 53)), ReasonFlow)
	expect(t, "answer without the rule", b.in(udp4(resolver, us, 53, 40000)), ReasonFlow)
	expect(t, "the visitor is cut", b.in(udp4(client, us, 5000, 40001)), ReasonNoRule)
	expect(t, "whatever is sent to it", b.out(udp4(us, client, 40001, 5000)), ReasonUntracked)
	expect(t, "and stays so", b.in(udp4(client, us, 5000, 40001)), ReasonNoRule)
}
