package operations

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
)

// explanation is what `sgfw explain -o json` says.
type explanation struct {
	Schema, Verdict, Reason string
	Flow                    *harness.ListedFlow
	Rule                    *struct {
		Group, Direction string
		Index            int
	}
	Groups []struct {
		Name    string
		Permits bool
	}
}

// TestExplainAgreesWithPackets asks the daemon what would happen to a packet and
// then sends it.
func TestExplainAgreesWithPackets(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	d := harness.Enforce(t, server, `version: 1
prefix_lists:
  - name: friends
    entries: [{ cidr: 192.0.2.8/30 }]
security_groups:
  - name: web
    description: Two rules in, one out
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 5000-5002, prefix_lists: [friends],
            ipv6_cidr_blocks: ["2001:db8::11/128"] }
    egress:
      - { protocol: tcp, ports: 443, cidr_blocks: [192.0.2.1/32] }
  - name: more
    description: Pings of one family each way
    ingress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [192.0.2.12/32] }
    egress:
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["2001:db8::/64"] }
interfaces:
  - { device: eth0, security_groups: [web, more] }
`)
	for _, q := range []struct {
		direction, protocol string
		from, to            netip.AddrPort // port 0 of the destination: ICMP
		// group and rule permit it; no group: nothing does.
		group string
		rule  int
	}{
		{"ingress", "tcp", harness.ParseAddrPort("192.0.2.1:0"), harness.ParseAddrPort("192.0.2.2:443"),
			"web", 0},
		{"ingress", "tcp", harness.ParseAddrPort("[2001:db8::21]:0"),
			harness.ParseAddrPort("[2001:db8::2]:443"), "web", 0},
		{"ingress", "tcp", harness.ParseAddrPort("192.0.2.1:0"), harness.ParseAddrPort("192.0.2.2:444"),
			"", 0},
		{"ingress", "tcp", harness.ParseAddrPort("[2001:db8::1]:0"),
			harness.ParseAddrPort("[2001:db8::2]:442"), "", 0},
		{"ingress", "udp", harness.ParseAddrPort("192.0.2.1:0"), harness.ParseAddrPort("192.0.2.2:443"),
			"", 0},
		{"ingress", "udp", harness.ParseAddrPort("192.0.2.10:0"), harness.ParseAddrPort("192.0.2.2:5000"),
			"web", 1},
		{"ingress", "udp", harness.ParseAddrPort("192.0.2.11:0"), harness.ParseAddrPort("192.0.2.2:5002"),
			"web", 1},
		{"ingress", "udp", harness.ParseAddrPort("192.0.2.11:0"), harness.ParseAddrPort("192.0.2.2:5003"),
			"", 0},
		{"ingress", "udp", harness.ParseAddrPort("192.0.2.12:0"), harness.ParseAddrPort("192.0.2.2:5000"),
			"", 0},
		{"ingress", "udp", harness.ParseAddrPort("[2001:db8::11]:0"),
			harness.ParseAddrPort("[2001:db8::2]:5001"), "web", 1},
		{"ingress", "udp", harness.ParseAddrPort("[2001:db8::12]:0"),
			harness.ParseAddrPort("[2001:db8::2]:5001"), "", 0},
		{"ingress", "tcp", harness.ParseAddrPort("192.0.2.10:0"), harness.ParseAddrPort("192.0.2.2:5000"),
			"", 0},
		{"ingress", "icmp", harness.ParseAddrPort("192.0.2.12:0"), harness.ParseAddrPort("192.0.2.2:0"),
			"more", 0},
		{"ingress", "icmp", harness.ParseAddrPort("192.0.2.11:0"), harness.ParseAddrPort("192.0.2.2:0"),
			"", 0},
		{"ingress", "icmpv6", harness.ParseAddrPort("[2001:db8::12]:0"),
			harness.ParseAddrPort("[2001:db8::2]:0"), "", 0},
		{"egress", "tcp", harness.ParseAddrPort("192.0.2.2:0"), harness.ParseAddrPort("192.0.2.1:443"),
			"web", 0},
		{"egress", "tcp", harness.ParseAddrPort("192.0.2.2:0"), harness.ParseAddrPort("192.0.2.10:443"),
			"", 0},
		{"egress", "tcp", harness.ParseAddrPort("[2001:db8::2]:0"),
			harness.ParseAddrPort("[2001:db8::1]:443"), "", 0},
		{"egress", "udp", harness.ParseAddrPort("192.0.2.2:0"), harness.ParseAddrPort("192.0.2.1:443"),
			"", 0},
		{"egress", "icmpv6", harness.ParseAddrPort("[2001:db8::2]:0"),
			harness.ParseAddrPort("[2001:db8::21]:0"), "more", 0},
		{"egress", "icmp", harness.ParseAddrPort("192.0.2.2:0"), harness.ParseAddrPort("192.0.2.1:0"), "",
			0},
	} {
		what := fmt.Sprintf("%s %s %s > %s", q.direction, q.protocol, q.from, q.to)
		h, far := client, server
		if q.direction == "egress" {
			h, far = server, client
		}
		icmp := strings.HasPrefix(q.protocol, "icmp")
		from, to := q.from, q.to
		args := []string{"explain", "--" + q.direction, "--proto", q.protocol}
		if icmp {
			args = append(args, "--from", from.Addr().String(), "--to", to.Addr().String())
		} else {
			from = harness.AddrPort(from.Addr(), harness.UnusedPort())
			args = append(args, "--from", from.String(), "--to", to.String())
		}
		var x explanation
		d.Document(&x, args...)
		wait, want := harness.ArrivalTimeout, "accept"
		if q.group == "" {
			wait, want = harness.SilenceTimeout/2, "drop"
		} else if t.Failed() {
			wait = harness.SilenceTimeout
		}
		if x.Verdict != want || len(x.Groups) != 2 || x.Schema != "sgfw/v1" {
			t.Errorf("%s: explained as %+v, want %s", what, x, want)
		}
		switch {
		case q.group == "" && x.Rule != nil, q.group != "" &&
			(x.Rule == nil || x.Rule.Group != q.group || x.Rule.Index != q.rule ||
				x.Rule.Direction != q.direction):
			t.Errorf("%s: explained by the rule %+v, want %s[%d]", what, x.Rule, q.group, q.rule)
		}
		var passed bool
		if icmp {
			passed = harness.Pings(t, h, from.Addr(), to.Addr(), wait)
		} else {
			s, err := far.ServeEcho(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			passed = harness.Exchanges(t, h, q.protocol, from, to, wait)
			s.Close()
		}
		if passed != (want == "accept") {
			t.Errorf("%s: passed: %t, explained as %s (%s)", what, passed, x.Verdict, x.Reason)
		}
	}

	// A live flow answers for itself, also once its rule has gone (T15).
	harness.EchoOn(t, server, harness.ParseAddrPort("192.0.2.2:443"))
	from := harness.AddrPort(harness.IP("192.0.2.1"), harness.UnusedPort())
	c := harness.DialTCP(t, client, from, harness.ParseAddrPort("192.0.2.2:443"),
		harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no connection")
	}
	defer c.Close()
	d.Reload(harness.Closed)
	for _, q := range []struct {
		from    netip.AddrPort
		verdict string
	}{{from, "accept"}, {harness.AddrPort(from.Addr(), harness.UnusedPort()), "drop"}} {
		var x explanation
		d.Document(&x, "explain", "--ingress", "--proto", "tcp", "--from", q.from.String(), "--to",
			"192.0.2.2:443")
		if x.Verdict != q.verdict || (x.Flow != nil) != (q.verdict == "accept") {
			t.Errorf("from %s: explained as %+v, want %s", q.from, x, q.verdict)
		}
	}
	if !harness.Talks(c) {
		t.Error("the connection did not outlive its rule")
	}
	if harness.Connects(t, client, netip.AddrPort{}, harness.ParseAddrPort("192.0.2.2:443"),
		harness.SilenceTimeout) {
		t.Error("a connection came about without a rule")
	}
}
