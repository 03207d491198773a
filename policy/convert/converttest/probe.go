package converttest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/member"
)

// Probe asks the policy of a result about packets that begin a connection. Of a text, each
// line is empty, a comment after #, or one of
//
//	attach GROUP,GROUP              the groups of the device, from here on
//	pass ingress tcp ADDRESS PORT   the packet comes from, or goes to, the address
//	drop egress icmp ADDRESS TYPE/CODE
//	pass ingress 50 ADDRESS         other protocols by number
//
// Both verdicts have to be there, so that a policy which drops or passes everything is
// noticed. A name with spaces has ~ for each.
func Probe(t *testing.T, name, text string, r convert.Result) {
	t.Helper()
	if r.Policy == nil {
		t.Fatalf("%s: there is no policy: %v", name, r.Problems)
	}
	var rs *filter.Ruleset
	asked := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "attach" && len(words) == 2:
			rs = attached(t, r, strings.Split(words[1], ","))
		case len(words) >= 4 && rs != nil && (words[0] == "pass" || words[0] == "drop"):
			asked[words[0]] = true
			q, ok := query(words[1:])
			if !ok {
				t.Fatalf("%s:%d: %q is no probe", name, i+1, line)
			}
			x := filter.Explain(rs, nil, 0, q)
			if !x.Managed || x.Verdict.Accept() != (words[0] == "pass") {
				t.Errorf("%s:%d: %s: the verdict is %s", name, i+1, strings.TrimSpace(line),
					x.Verdict.Reason)
			}
		default:
			t.Fatalf("%s:%d: %q is no probe", name, i+1, line)
		}
	}
	if !asked["pass"] || !asked["drop"] {
		t.Errorf("%s: ask about something that passes and something that does not", name)
	}
}

// device is what probes cross, with an address of its own in each family.
const device = "probe0"

var own = map[bool]netip.Addr{true: netip.MustParseAddr("192.0.2.254"),
	false: netip.MustParseAddr("2001:db8:ffff::254")}

// attached compiles the policy with groups on the device.
func attached(t *testing.T, r convert.Result, groups []string) *filter.Ruleset {
	t.Helper()
	p := *r.Policy
	p.Groups, p.Interfaces = slices.Clone(p.Groups), nil
	with := convert.Result{Policy: &p, Names: r.Names}
	for i := range groups {
		groups[i] = strings.ReplaceAll(groups[i], "~", " ")
	}
	with.Attach(convert.Attachment{Device: device, Groups: groups})
	if with.Policy == nil {
		t.Fatal(with.Problems)
	}
	return filter.Compile(with.Policy, member.Resolve(with.Policy, member.Facts{}))
}

// query reads a probe without its verdict.
func query(words []string) (q filter.Query, ok bool) {
	q = filter.Query{Device: device, SrcPort: 50000}
	peer, err := netip.ParseAddr(words[2])
	protocol, bad := policy.ParseProtocol(words[1])
	if err != nil || bad != nil || protocol == policy.AllProtocols {
		return q, false
	}
	q.Protocol = uint8(protocol)
	switch words[0] {
	case "ingress":
		q.Direction, q.Src, q.Dst = conntrack.Ingress, peer, own[peer.Is4()]
	case "egress":
		q.Direction, q.Src, q.Dst = conntrack.Egress, own[peer.Is4()], peer
	default:
		return q, false
	}
	if !protocol.HasPorts() && !protocol.IsICMP() {
		return q, len(words) == 3
	}
	if len(words) != 4 {
		return q, false
	}
	if protocol.HasPorts() {
		port, err := strconv.ParseUint(words[3], 10, 16)
		q.DstPort = uint16(port)
		return q, err == nil
	}
	kind, code, _ := strings.Cut(words[3], "/")
	a, err := strconv.ParseUint(kind, 10, 8)
	b, worse := strconv.ParseUint(code, 10, 8)
	q.ICMPType, q.ICMPCode, q.ICMPID = uint8(a), uint8(b), 1
	return q, err == nil && worse == nil
}
