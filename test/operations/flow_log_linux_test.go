package operations

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// awsPing is the topology of AWS's examples of a ping: 203.0.113.12 asks 172.31.16.139.
func awsPing() netlab.Topology {
	host := func(name, own, other string) netlab.HostSpec {
		return netlab.HostSpec{Name: name,
			Routes: []netlab.Route{{Dst: netip.MustParsePrefix(other), Dev: "eth0"}}}
	}
	return netlab.Topology{
		Hosts: []netlab.HostSpec{host("client", "", "172.31.16.139/32"),
			host("server", "", "203.0.113.12/32")},
		Links: []netlab.LinkSpec{{
			A: netlab.End{Host: "client", Dev: "eth0", Addrs: []netip.Prefix{
				netip.MustParsePrefix("203.0.113.12/32")}},
			B: netlab.End{Host: "server", Dev: "eth0", Addrs: []netip.Prefix{
				netip.MustParsePrefix("172.31.16.139/32")}},
		}},
	}
}

var (
	anyENI = regexp.MustCompile(`\beni-[0-9a-f]{17}\b`)
	// times are the start and the end of a record.
	times = regexp.MustCompile(` (\d{10}) (\d{10}) `)
)

// asInExample puts AWS's interface and times in place of ours, once ours are what they should
// be.
func asInExample(t *testing.T, line string, from, to time.Time) string {
	t.Helper()
	m := times.FindStringSubmatch(line)
	if m == nil || !anyENI.MatchString(line) {
		t.Fatalf("no interface or times in %q", line)
	}
	start, _ := strconv.ParseInt(m[1], 10, 64)
	end, _ := strconv.ParseInt(m[2], 10, 64)
	if start < from.Unix() || end < start || end > to.Unix() {
		t.Errorf("from %d to %d in %q, want within %d to %d", start, end, line, from.Unix(), to.Unix())
	}
	return times.ReplaceAllString(anyENI.ReplaceAllString(line, "eni-1235b8ca123456789"),
		" 1432917027 1432917142 ")
}

// TestFlowLogPing: AWS's example of a ping in its three variants, byte for byte but for times
// and the interface.
func TestFlowLogPing(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "F1", "F7", "F8", "F9")
	const (
		request = "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 " +
			"1432917027 1432917142 ACCEPT OK"
		refused = "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 " +
			"1432917027 1432917142 REJECT OK"
		reply = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 " +
			"1432917027 1432917142 "
		closed = "network_acls: [{ name: edge, ingress: [{ rule_no: 100, action: allow, " +
			"protocol: \"-1\", cidr_block: 0.0.0.0/0 }], egress: [] }]"
	)
	for _, c := range []struct {
		name     string
		icmp     bool
		acl      string
		answered bool
		want     []string
	}{
		{"the network ACL refuses replies", true, closed, false, []string{request, reply + "REJECT OK"}},
		{"both permit", true, "", true, []string{request, reply + "ACCEPT OK"}},
		{"no rule permits the request", false, "", false, []string{refused}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, awsPing())
			folder := t.TempDir()
			var rules []string
			if c.icmp {
				rules = []string{"{ protocol: icmp, from_port: -1, to_port: -1, cidr_blocks: [0.0.0.0/0] }"}
			}
			policy := harness.PolicyWith(rules, nil,
				harness.FlowLog(folder, `account_id: "123456789010"`))
			if c.acl != "" {
				policy = strings.Replace(policy, "    security_groups: [state]\n",
					"    security_groups: [state]\n    network_acl: edge\n"+c.acl+"\n", 1)
			}
			from := time.Now()
			d := harness.Enforce(t, lab.Host("server"), policy)
			answers := 0
			for seq := range uint16(4) {
				ctx, cancel := context.WithTimeout(t.Context(), harness.SilenceTimeout/2)
				_, err := lab.Host("client").Ping(ctx, netlab.Ping{Seq: seq, ID: 7,
					From: harness.IP("203.0.113.12"), To: harness.IP("172.31.16.139"),
					Payload: make([]byte, 56)})
				cancel()
				if err == nil {
					answers++
				}
			}
			if c.answered != (answers == 4) || !c.answered && answers > 0 {
				t.Fatalf("%d answers", answers)
			}
			d.Stop()
			headers, lines := harness.FlowLines(t, folder)
			if want := []string{"version account-id interface-id srcaddr dstaddr srcport dstport " +
				"protocol packets bytes start end action log-status"}; !slices.Equal(headers, want) {
				t.Errorf("first lines %q", headers)
			}
			var got []string
			for _, line := range lines {
				got = append(got, asInExample(t, line, from, time.Now()))
			}
			slices.SortFunc(got, func(a, b string) int { // what is asked stands first
				return strings.Compare(b[34:], a[34:])
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// ownFields is a format with everything of versions 2 to 5, and our own.
const ownFields = `log_format: "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ` +
	`${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ` +
	`${tcp-flags} ${type} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path} ` +
	`${sgfw-rule-id} ${sgfw-group-id} ${sgfw-reason} ${sgfw-generation} ${sgfw-device}"`

// TestFlowLogAddressesAndFlags: the interface's own side has its primary address, whichever
// the packet has; flags of a connection add up; a tuple that is refused first and permitted
// later has two records.
func TestFlowLogAddressesAndFlags(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "F2", "F4", "F5", "F6", "F9", "F15", "row 25")
	top := netlab.Pair()
	top.Links[0].B.Addrs = append(top.Links[0].B.Addrs, netip.MustParsePrefix("192.0.2.77/24"),
		netip.MustParsePrefix("2001:db8::77/64"))
	lab := labtest.New(t, top)
	client, server := lab.Host("client"), lab.Host("server")
	folder := t.TempDir()
	policy := func(port int) string {
		return harness.PolicyWith([]string{harness.Allow("tcp", port)}, nil,
			harness.FlowLog(folder, ownFields))
	}
	d := harness.Enforce(t, server, policy(harness.Inward))
	second := harness.AddrPort(harness.IP("192.0.2.77"), harness.Inward)
	second6 := harness.AddrPort(harness.IP("2001:db8::77"), harness.Inward)
	later := harness.AddrPort(harness.IP("192.0.2.2"), harness.Inward+1)
	harness.EchoOn(t, server, second, second6, later)
	from := harness.AddrPort(harness.IP("192.0.2.1"), harness.UnusedPort())
	from6 := harness.AddrPort(harness.IP("2001:db8::1"), harness.UnusedPort())
	for _, way := range [][2]netip.AddrPort{{from, second}, {from6, second6}} {
		if !harness.Connects(t, client, way[0], way[1], harness.ArrivalTimeout) {
			t.Fatalf("no connection from %s to %s", way[0], way[1])
		}
	}
	again := harness.AddrPort(harness.IP("192.0.2.1"), harness.UnusedPort())
	if harness.Connects(t, client, again, later, harness.SilenceTimeout/2) {
		t.Fatal("connected without a rule")
	}
	d.Reload(policy(harness.Inward + 1))
	if !harness.Connects(t, client, again, later, harness.ArrivalTimeout) {
		t.Fatal("no connection with a rule")
	}
	time.Sleep(harness.CountedWithin())
	d.Stop()
	records := harness.FlowRecords(t, folder)
	one := func(what string, values ...string) harness.FlowRecord {
		t.Helper()
		var found []harness.FlowRecord
		for _, r := range records {
			if r.Matches(values...) {
				found = append(found, r)
			}
		}
		if len(found) != 1 {
			t.Fatalf("%s: %d records %v among %v", what, len(found), found, records)
		}
		return found[0]
	}
	port := func(name string, a netip.AddrPort) string { return fmt.Sprintf("%s=%d", name, a.Port()) }
	want := func(what string, r harness.FlowRecord, values ...string) {
		t.Helper()
		if !r.Matches(values...) {
			t.Errorf("%s: %v, want %q", what, r, values)
		}
	}
	in := one("in", port("srcport", from))
	want("in", in, "version=5", "srcaddr=192.0.2.1", "dstaddr=192.0.2.2", "pkt-srcaddr=192.0.2.1",
		"pkt-dstaddr=192.0.2.77", "tcp-flags=3", "type=IPv4", "flow-direction=ingress",
		"traffic-path=-", "action=ACCEPT", "sgfw-reason=rule", "sgfw-device=eth0", "log-status=OK",
		"sgfw-generation=1")
	if !strings.HasPrefix(in["sgfw-rule-id"], "sgr-") ||
		!strings.HasPrefix(in["sgfw-group-id"], "sg-") {
		t.Errorf("in: %v", in)
	}
	want("out", one("out", port("dstport", from)), "srcaddr=192.0.2.2", "dstaddr=192.0.2.1",
		"pkt-srcaddr=192.0.2.77", "pkt-dstaddr=192.0.2.1", "tcp-flags=19", "flow-direction=egress",
		"sgfw-rule-id="+in["sgfw-rule-id"], "sgfw-reason=flow")
	want("IPv6", one("IPv6", port("srcport", from6)), "srcaddr=2001:db8::1",
		"dstaddr=2001:db8::77", "pkt-dstaddr=2001:db8::77", "tcp-flags=3", "type=IPv6")
	no := one("refused", port("srcport", again), "action=REJECT")
	want("refused", no, "tcp-flags=2", "sgfw-reason=no-rule", "sgfw-rule-id=-", "sgfw-group-id=-")
	yes := one("permitted", port("srcport", again), "action=ACCEPT")
	want("permitted", yes, "tcp-flags=3", "sgfw-reason=rule", "sgfw-generation=2")
	if no["sgfw-generation"] != "1" || no["bytes"] == "0" || no["packets"] == "0" {
		t.Errorf("refused: %v", no)
	}
}
