package test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSample enforces the sample: IPv4 alone, for nothing in it speaks of IPv6.
// Its damaged copies are refused, at the start and while the sound one runs, and
// what runs goes on.
func TestSample(t *testing.T) {
	parity.Proves(t, "W2", "W4", "W7", "W8")
	t.Parallel()
	text, err := os.ReadFile("../policy/file/testdata/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sample := string(text)
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	ports := []int{22, 23, 80, 443, 8080}
	for i, s := range families(server) {
		echoes(t, server.Host(), s, ports...)
		echoes(t, client.Host(), families(client)[i], 25, 8080)
	}
	reachable := func(when string, v4 bool, open ...int) {
		t.Helper()
		var attempts []attempt
		for i, s := range families(server) {
			c := families(client)[i]
			for _, p := range ports {
				pass := s.Is4() && v4 && strings.Contains(fmt.Sprint(open), fmt.Sprint(p))
				attempts = append(attempts, exchange(t, when, client.Host(), "tcp", c, port(s, p), pass))
			}
			pass := s.Is4() && v4
			attempts = append(attempts,
				ping(t, when, client.Host(), c, s, pass),
				exchange(t, when, client.Host(), "udp", c, port(s, 80), false),
				exchange(t, "out, "+when, server.Host(), "tcp", s, port(c, 25), pass),
				exchange(t, "out, "+when, server.Host(), "udp", s, port(c, 8080), pass),
				ping(t, "out, "+when, server.Host(), s, c, pass))
		}
		run(t, attempts)
	}
	damaged := map[string]string{
		"a brace is missing":       strings.Replace(sample, "to_port: 80, cidr_blocks: [0.0.0.0/0] }", "to_port: 80, cidr_blocks: [0.0.0.0/0]", 1),
		"one CIDR is empty":        strings.Replace(sample, "[0.0.0.0/0]", `[""]`, 1),
		"every CIDR is empty":      strings.ReplaceAll(sample, "[0.0.0.0/0]", `[""]`),
		"the end is missing":       sample[:strings.Index(sample, "interfaces:")-len("/0] }\n")],
		"CIDRs without a value":    strings.ReplaceAll(sample, "[0.0.0.0/0]", ""),
		"lists of CIDRs are empty": strings.ReplaceAll(sample, "[0.0.0.0/0]", "[]"),
	}
	d := prepare(t, server.Host(), damaged["a brace is missing"])
	if said := d.refuses(3); !strings.Contains(said, "policy.yaml:8: not YAML") {
		t.Errorf("it does not say where the brace is missing:\n%s", said)
	}
	d.write(sample)
	d.start()
	reachable("with the sample", true, 22, 80, 443)

	// Each damaged file would open another port in the place of 443.
	for what, text := range damaged {
		text = strings.Replace(text, "from_port: 443, to_port: 443", "from_port: 8080, to_port: 8080", 1)
		d.write(text)
		if said := d.must(t, 3, "reload"); !strings.Contains(said, "policy.yaml:") {
			t.Errorf("%s: it does not say where:\n%s", what, said)
		}
		run(t, []attempt{
			exchange(t, what, client.Host(), "tcp", netip.Addr{}, port(server.IPv4(), 443), true),
			exchange(t, what, client.Host(), "tcp", netip.Addr{}, port(server.IPv4(), 8080), false),
		})
	}
	reachable("after all refusals", true, 22, 80, 443)
}

// TestSSHStory is what a document tells of state: SSH from one address, the rule
// goes while the session lives, which goes on; once it has ended, nobody gets in
// any more, from whatever port.
func TestSSHStory(t *testing.T) {
	parity.Proves(t, "row 11")
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	mine := policyWith([]string{`{ protocol: tcp, ports: 22, cidr_blocks: [192.0.2.11/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }`}, nil)
	d := enforce(t, server.Host(), mine)
	both(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.reload(mine)
		me, ssh := beside(near, 0x11), port(far, 22)
		echoTCP(t, server.Host(), ssh)
		from := port(me, freshPort())
		session := dialTCP(t, client.Host(), from, ssh, patience)
		if session == nil || !talks(session) {
			t.Fatal("no session from the address that the rule names")
		}
		run(t, []attempt{{"from another address", func(w time.Duration) bool {
			return connects(t, client.Host(), port(near, 0), ssh, w)
		}, false}})
		d.reload(closed, "--force") // which the guard of SSH sessions asks for
		for range 2 {
			if !talks(session) {
				t.Error("the session did not outlive its rule")
			}
		}
		login := func(what string, from netip.AddrPort) attempt {
			return attempt{what, func(w time.Duration) bool { return connects(t, client.Host(), from, ssh, w) }, false}
		}
		run(t, []attempt{login("a second session", port(me, 0))})
		session.Close()
		run(t, []attempt{login("after the end", port(me, 0)), login("after the end, from the same port", from)})
	})
}

// TestGivenAddresses: a rule for one address, and one for a range of them.
func TestGivenAddresses(t *testing.T) {
	parity.Proves(t, "W12")
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	enforce(t, server.Host(), policyWith([]string{
		`{ description: Database, protocol: tcp, ports: 3306, cidr_blocks: [192.0.2.10/32], ipv6_cidr_blocks: ["2001:db8::10/128"] }`,
		`{ description: Queue, protocol: tcp, ports: 5672, cidr_blocks: [192.0.2.8/29], ipv6_cidr_blocks: ["2001:db8::10/124"] }`,
	}, nil))
	var attempts []attempt
	for _, e := range ends(client, server) {
		s := e[1]
		echoes(t, server.Host(), s, 3306, 5672)
		for _, c := range []struct {
			n               byte
			database, queue bool
		}{{0x10, true, true}, {0x11, false, true}, {0x12, false, true}, {0x21, false, false}} {
			from := beside(e[0], c.n)
			attempts = append(attempts,
				exchange(t, "from "+from.String(), client.Host(), "tcp", from, port(s, 3306), c.database),
				exchange(t, "from "+from.String(), client.Host(), "tcp", from, port(s, 5672), c.queue))
		}
	}
	run(t, attempts)
}
