package live

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestExemptLive switches exemptions on and off under live flows: what a rule let
// out is tracked and goes on in any case (T15), what was merely exempt was never
// tracked and ends with the exemption, unless a rule has met it in between and its
// opener has spoken (X2, T22).
func TestExemptLive(t *testing.T) {
	parity.Proves(t, "X2", "T15")
	t.Parallel()
	lab := labtest.New(t, harness.Serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	rules := []string{harness.Allow("tcp", 80), harness.Allow("udp", 123)}
	byRule, neither := harness.PolicyWith(nil, rules), harness.PolicyWith(nil, nil)
	exempt := harness.PolicyWith(nil, nil, "exempt: [metadata, time]")
	asked := []struct {
		network string
		at      netip.AddrPort
	}{
		{"tcp", harness.ParseAddrPort("169.254.169.254:80")},
		{"tcp", harness.ParseAddrPort("[fd00:ec2::254]:80")},
		{"udp", harness.ParseAddrPort("169.254.169.123:123")},
		{"udp", harness.ParseAddrPort("[fd00:ec2::123]:123")},
	}
	for _, a := range asked {
		harness.EchoOn(t, client.Host(), a.at)
	}
	d := harness.Enforce(t, server.Host(), byRule)
	open := func(when string) (list []harness.Session) {
		for _, a := range asked {
			c, err := server.Host().Dial(labtest.Within(t, harness.ArrivalTimeout), a.network, a.at)
			if err != nil {
				t.Fatalf("%s, %s %s: %v", when, a.network, a.at, err)
			}
			t.Cleanup(func() { c.Close() })
			s := harness.SessionOf(a.network+" "+a.at.String()+", begun "+when, c)
			s.Begin(t)
			list = append(list, s)
		}
		return list
	}
	goOn := func(when string, lists ...[]harness.Session) {
		t.Helper()
		for _, list := range lists {
			for _, s := range list {
				if !s.Alive() {
					t.Errorf("%s: %s: it was cut", when, s.What)
				}
			}
		}
	}
	fresh := func(want harness.Verdict, when string) {
		t.Helper()
		var list []harness.Attempt
		for _, a := range asked {
			list = append(list, harness.Expect(want,
				harness.Exchange(t, when, server.Host(), a.network, netip.Addr{}, a.at)))
		}
		harness.Run(t, list)
	}

	ruled := open("by a rule")
	d.Reload(exempt)
	met := open("exempt")
	goOn("exempt", ruled)
	d.Reload(byRule)
	goOn("by a rule", ruled, met)
	d.Reload(exempt)
	unmet := open("exempt again") // later than a rule could meet a belated acknowledgement
	goOn("exempt again", ruled, met)
	d.Reload(neither)
	fresh(harness.Drop, "by nothing")
	goOn("by nothing", ruled, met)
	var over []harness.Attempt
	for _, s := range unmet {
		over = append(over, harness.Drops(
			harness.Attempt{What: s.What + ", by nothing",
				Try: func(time.Duration) bool { return !s.Dead() }}))
	}
	harness.Run(t, over)
	d.Reload(exempt)
	fresh(harness.Pass, "exempt in the end")
}
