package test

import (
	"net/netip"
	"testing"
	"time"

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
	lab := labtest.New(t, serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	rules := []string{allow("tcp", 80), allow("udp", 123)}
	byRule, neither := policyWith(nil, rules), policyWith(nil, nil)
	exempt := policyWith(nil, nil, "exempt: [metadata, time]")
	asked := []struct {
		network string
		at      netip.AddrPort
	}{
		{"tcp", at("169.254.169.254:80")}, {"tcp", at("[fd00:ec2::254]:80")}, {"udp", at("169.254.169.123:123")}, {"udp", at("[fd00:ec2::123]:123")},
	}
	for _, a := range asked {
		echoOn(t, client.Host(), a.at)
	}
	d := enforce(t, server.Host(), byRule)
	open := func(when string) (list []session) {
		for _, a := range asked {
			c, err := server.Host().Dial(labtest.Within(t, patience), a.network, a.at)
			if err != nil {
				t.Fatalf("%s, %s %s: %v", when, a.network, a.at, err)
			}
			t.Cleanup(func() { c.Close() })
			s := sessionOf(a.network+" "+a.at.String()+", begun "+when, c)
			s.begin(t)
			list = append(list, s)
		}
		return list
	}
	goOn := func(when string, lists ...[]session) {
		t.Helper()
		for _, list := range lists {
			for _, s := range list {
				if !s.alive() {
					t.Errorf("%s: %s: it was cut", when, s.what)
				}
			}
		}
	}
	fresh := func(when string, pass bool) {
		t.Helper()
		var list []attempt
		for _, a := range asked {
			list = append(list, exchange(t, when, server.Host(), a.network, netip.Addr{}, a.at, pass))
		}
		run(t, list)
	}

	ruled := open("by a rule")
	d.reload(exempt)
	met := open("exempt")
	goOn("exempt", ruled)
	d.reload(byRule)
	goOn("by a rule", ruled, met)
	d.reload(exempt)
	unmet := open("exempt again") // later than a rule could meet a belated acknowledgement
	goOn("exempt again", ruled, met)
	d.reload(neither)
	fresh("by nothing", false)
	goOn("by nothing", ruled, met)
	var over []attempt
	for _, s := range unmet {
		over = append(over, attempt{what: s.what + ", by nothing", try: func(time.Duration) bool { return !s.dead() }})
	}
	run(t, over)
	d.reload(exempt)
	fresh("exempt in the end", true)
}
