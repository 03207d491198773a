package rules

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestPreset: one word opens what AWS never filters, leaves ICMP errors to the rules, and
// sets the timers of a kind of machine; a key beside it wins. TestWhatIsTracked has what
// it does to flows.
func TestPreset(t *testing.T) {
	parity.Proves(t, "T8", "T24", "timer tcp established")
	t.Parallel()
	lab := labtest.New(t, harness.Serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server")
	var time harness.Service
	for _, s := range harness.Services {
		if s.Name == "time" {
			time = s
		}
	}
	at := harness.AddrPort(harness.AddressesOf(time)[0], time.Port)
	far := harness.AddrPort(client.IPv4(), harness.Outward)
	harness.EchoOn(t, client.Host(), at)
	accept := harness.Accepting(t, client.Host(), far)
	with := func(settings ...string) string {
		return harness.PolicyWith(nil, []string{harness.Allow("udp", harness.GateOut),
			harness.Allow("tcp", harness.Outward)}, settings...)
	}
	d := harness.Enforce(t, server, with())
	for _, c := range []struct {
		settings     []string
		exempt, told bool // the time service answers; an error about a flow arrives
		shown        string
		seconds      int64
	}{
		{nil, false, true, "", 432000},
		{[]string{"preset: aws"}, true, false, "aws", 432000},
		{[]string{"preset: aws-nitro-v6"}, true, false, "aws-nitro-v6", 350},
		{[]string{"preset: aws", "exempt: []"}, false, false, "aws, but for exempt", 432000},
		{[]string{"preset: aws-nitro-v6", "icmp_errors: related"}, true, true,
			"aws-nitro-v6, but for icmp_errors", 350},
		{[]string{"preset: none"}, false, true, "", 432000},
	} {
		t.Run(strings.Join(c.settings, ", "), func(t *testing.T) {
			d := *d
			d.T = t
			d.Reload(with(c.settings...))
			harness.Run(t, []harness.Attempt{
				harness.Expect(harness.PassIf(c.exempt), harness.Exchange(t, "the time service", server,
					"udp", netip.Addr{}, at)),
			})
			wait := harness.SilenceTimeout
			if c.told {
				wait = harness.ArrivalTimeout
			}
			if got := refused(t, server, harness.AddrPort(client.IPv4(), harness.GateOut),
				wait); got != c.told {
				t.Errorf("an error about a live flow arrives: %v, want %v", got, c.told)
			}
			session := harness.Connect(t, &d, server, far, accept)
			flow := d.Lives(t, c.seconds-49, session.Caller.LocalAddr().String(), far.String())
			if flow.Expires > c.seconds {
				t.Errorf("an idle connection expires in %d s, want about %d: %+v", flow.Expires, c.seconds,
					flow)
			}
			out, _ := d.Sgfw("status")
			var shown string
			for line := range strings.Lines(out) {
				if rest, ok := strings.CutPrefix(line, "preset "); ok {
					shown = strings.TrimSpace(rest)
				}
			}
			if shown != c.shown {
				t.Errorf("status shows %q, want %q", shown, c.shown)
			}
		})
	}
}
