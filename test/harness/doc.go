// Package harness is what the tests on real packets share: the program under test,
// the traffic that they send, and assertions that begin with the verdict.
//
// The tests of test/rules, test/state, test/guest, test/lifecycle, test/live and
// test/operations run the program with a policy in a network namespace and send
// packets that must and packets that must not arrive. The receiver decides what
// arrived, never the daemon's own word. Against a build that accepts everything,
// and against one that drops everything, each of them fails; test/mutants shows it
// and names the few that send no packets.
//
// A test says what it wants in the words of the result:
//
//	harness.Volley(t, []harness.Shot{
//		harness.Passes(harness.Datagram(t, "to the port of the rule", in, out, to)),
//		harness.Drops(harness.Datagram(t, "to another port", in, other, to)),
//	})
//
// A [Shot] is one datagram: what must not arrive is sent first and what must arrive
// behind it, so absence needs no waiting. An [Attempt] is an exchange with its own
// end, such as a connection. A [Gate] does both on every path of a host.
package harness
