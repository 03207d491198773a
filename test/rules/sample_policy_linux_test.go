package rules

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"sgfw/test/harness"
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
	text, err := os.ReadFile("../../policy/file/testdata/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sample := string(text)
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	ports := []int{22, 23, 80, 443, 8080}
	for i, s := range harness.BothAddresses(server) {
		harness.Echoes(t, server.Host(), s, ports...)
		harness.Echoes(t, client.Host(), harness.BothAddresses(client)[i], 25, 8080)
	}
	reachable := func(when string, v4 bool, open ...int) {
		t.Helper()
		var attempts []harness.Attempt
		for i, s := range harness.BothAddresses(server) {
			c := harness.BothAddresses(client)[i]
			for _, p := range ports {
				pass := s.Is4() && v4 && strings.Contains(fmt.Sprint(open), fmt.Sprint(p))
				attempts = append(attempts, harness.Expect(harness.PassIf(pass),
					harness.Exchange(t, when, client.Host(), "tcp", c, harness.AddrPort(s, p))))
			}
			pass := s.Is4() && v4
			attempts = append(attempts,
				harness.Expect(harness.PassIf(pass), harness.Ping(t, when, client.Host(), c, s)),
				harness.Drops(harness.Exchange(t, when, client.Host(), "udp", c, harness.AddrPort(s, 80))),
				harness.Expect(harness.PassIf(pass),
					harness.Exchange(t, "out, "+when, server.Host(), "tcp", s, harness.AddrPort(c, 25))),
				harness.Expect(harness.PassIf(pass),
					harness.Exchange(t, "out, "+when, server.Host(), "udp", s, harness.AddrPort(c, 8080))),
				harness.Expect(harness.PassIf(pass), harness.Ping(t, "out, "+when, server.Host(), s, c)))
		}
		harness.Run(t, attempts)
	}
	damaged := map[string]string{
		"a brace is missing": strings.Replace(sample, "to_port: 80, cidr_blocks: [0.0.0.0/0] }",
			"to_port: 80, cidr_blocks: [0.0.0.0/0]", 1),
		"one CIDR is empty":        strings.Replace(sample, "[0.0.0.0/0]", `[""]`, 1),
		"every CIDR is empty":      strings.ReplaceAll(sample, "[0.0.0.0/0]", `[""]`),
		"the end is missing":       sample[:strings.Index(sample, "interfaces:")-len("/0] }\n")],
		"CIDRs without a value":    strings.ReplaceAll(sample, "[0.0.0.0/0]", ""),
		"lists of CIDRs are empty": strings.ReplaceAll(sample, "[0.0.0.0/0]", "[]"),
	}
	d := harness.Prepare(t, server.Host(), damaged["a brace is missing"])
	d.Start()
	d.StopsWith(3)
	if said := d.Log.String(); !strings.Contains(said, "policy.yaml:8: not YAML") {
		t.Errorf("it does not say where the brace is missing:\n%s", said)
	}
	d.Write(sample)
	d.Start()
	reachable("with the sample", true, 22, 80, 443)

	// Each damaged file would open another port in the place of 443.
	for what, text := range damaged {
		text = strings.Replace(text, "from_port: 443, to_port: 443", "from_port: 8080, to_port: 8080", 1)
		d.Write(text)
		if said := d.Must(t, 3, "reload"); !strings.Contains(said, "policy.yaml:") {
			t.Errorf("%s: it does not say where:\n%s", what, said)
		}
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, what, client.Host(), "tcp", netip.Addr{},
				harness.AddrPort(server.IPv4(), 443))),
			harness.Drops(harness.Exchange(t, what, client.Host(), "tcp", netip.Addr{},
				harness.AddrPort(server.IPv4(), 8080))),
		})
	}
	reachable("after all refusals", true, 22, 80, 443)
}
