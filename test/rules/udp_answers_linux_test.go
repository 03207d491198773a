package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUDPAnswers: the answer to our datagram comes from the address and port
// that it went to, to the port that it came from; anything else is new (T9).
func TestUDPAnswers(t *testing.T) {
	parity.Proves(t, "T9")
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, asksNames)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			asker, idle := harness.NewInbox(t, server, harness.AddrPort(s, 40000)),
				harness.NewInbox(t, server, harness.AddrPort(s, 40001))
			names := harness.NewInbox(t, client, harness.AddrPort(c, 53))
			harness.Volley(t, []harness.Shot{
				harness.Drops(harness.Datagram(t, "an answer before the question", names, asker,
					harness.AddrPort(s, 40000))),
				harness.Passes(harness.Datagram(t, "what a rule admits", names,
					harness.NewInbox(t, server, harness.AddrPort(s, 9999)), harness.AddrPort(s, 9999))),
			})
			question := asker.Send(t, harness.AddrPort(c, 53))
			if _, ok := names.Receives(question, harness.ArrivalTimeout); !ok {
				t.Fatal("the question did not leave")
			}
			harness.Volley(t, []harness.Shot{
				harness.Drops(harness.Datagram(t, "an answer from another port",
					harness.NewInbox(t, client, harness.AddrPort(c, 5354)), asker, harness.AddrPort(s, 40000))),
				harness.Drops(harness.Datagram(t, "an answer from another host",
					harness.NewInbox(t, client, harness.AddrPort(harness.Neighbouring(c, 0x11), 53)), asker,
					harness.AddrPort(s, 40000))),
				harness.Drops(harness.Datagram(t, "an answer to another port", names, idle,
					harness.AddrPort(s, 40001))),
				harness.Drops(harness.Datagram(t, "a question to a port that egress does not name", asker,
					harness.NewInbox(t, client, harness.AddrPort(c, 54)), harness.AddrPort(c, 54))),
				harness.Passes(harness.Datagram(t, "the answer", names, asker, harness.AddrPort(s, 40000))),
			})
		})
}
