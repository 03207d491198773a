package policy

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lines(cs []Change) string {
	var ls []string
	for _, c := range cs {
		ls = append(ls, c.String())
	}
	return strings.Join(ls, "\n")
}

func TestDiff(t *testing.T) {
	office := PrefixList{Name: "office", MaxEntries: 2,
		Entries: []PrefixEntry{{CIDR: netip.MustParsePrefix("198.51.100.0/24"), Description: "HQ"}}}
	from := &Policy{
		PrefixLists: []PrefixList{office},
		Groups: []Group{
			{Name: "web", Description: "x",
				Ingress: []Rule{rule(TCP, 80, 80, anyPeer4), rule(TCP, 443, 443, anyPeer4)},
				Egress:  DefaultEgress(), Tags: map[string]string{"a": "1"}},
			{Name: "old", Description: "x", Ingress: []Rule{rule(UDP, 53, 53, anyPeer4)}},
		},
		Interfaces: []Interface{{Device: "eth0", Groups: []string{"web", "old"},
			Timeouts: DefaultTimeouts}},
		Remotes: []Remote{{Name: "db-1", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.7")},
			Groups: []string{"web"}}},
		Quotas:   DefaultQuotas,
		Settings: DefaultSettings,
	}
	described := rule(TCP, 443, 443, anyPeer4)
	described.Description = "HTTPS"
	described.Tags = map[string]string{"owner": "ops"}
	office.Entries = []PrefixEntry{
		{CIDR: netip.MustParsePrefix("198.51.100.0/24"), Description: "Head office"},
		{CIDR: netip.MustParsePrefix("192.0.2.0/24")}}
	office.MaxEntries = 3
	timers := DefaultTimeouts
	timers.UDP = 60 * time.Second
	quotas := DefaultQuotas
	quotas.RulesPerGroup, quotas.PrefixListEntries = 200, 50
	settings := DefaultSettings
	settings.Tracking = TrackingAWS
	settings.OnStop, settings.OnGone, settings.MaxFlows, settings.Watch = OnStopKeep, FailAccept, 7,
		true
	settings.OnStuck = FailAccept
	to := &Policy{
		PrefixLists: []PrefixList{office},
		Groups: []Group{
			{Name: "new", Description: "y",
				Ingress: []Rule{rule(ICMP, 8, -1, Peer{Kind: PeerPrefixList, Name: "office"})}},
			{Name: "web", Description: "y",
				Ingress: []Rule{described, rule(TCP, 22, 22, Peer{Kind: PeerGroup, Name: "new"})},
				Egress:  DefaultEgress(), VPCID: "vpc-1"},
		},
		Interfaces: []Interface{{Device: "eth0", Groups: []string{"new", "web"}, Timeouts: timers,
			Mode: ModeGuest, Scope: "uplinks"}},
		Remotes: []Remote{{Name: "db-1", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.8")},
			Groups: []string{"web"}}},
		Quotas:   quotas,
		Settings: settings,
	}
	want := `+ prefix list office: 192.0.2.0/24
~ prefix list office: 198.51.100.0/24: "HQ" → "Head office"
~ prefix list office: max_entries 2 → 3
+ group new
+ group new: ingress icmp type 8 list office
- group old
- group old: ingress udp 53 0.0.0.0/0
~ group web: description "x" → "y"
- group web: tag "a"
- group web: ingress tcp 80 0.0.0.0/0
+ group web: ingress tcp 22 group new
~ group web: ingress tcp 443 0.0.0.0/0: "" → "HTTPS"
+ group web: ingress tcp 443 0.0.0.0/0 tag "owner"
~ group web: vpc_id "" → "vpc-1"
~ device eth0: mode host → guest
- device eth0: group old
+ device eth0: group new
~ device eth0: scope its own → "uplinks"
~ device eth0: udp_timeout 30 s → 60 s
- peer db-1: address 10.0.1.7
+ peer db-1: address 10.0.1.8
~ quotas: rules_per_security_group 60 → 200
~ quotas: prefix_list_entries 1000 → 50
~ settings: tracking always → aws
~ settings: on_stop remove → keep
~ settings: on_failure.gone drop → accept
~ settings: on_failure.stuck drop → accept
~ settings: max_flows 262144 → 7
~ settings: watch false → true`
	if diff := cmp.Diff(want, lines(Diff(from, to))); diff != "" {
		t.Error(diff)
	}
}

// TestDiffSaysAll: all protocols are called what the list of rules calls them.
func TestDiffSaysAll(t *testing.T) {
	from := &Policy{Groups: []Group{{Name: "web", Egress: DefaultEgress()}}}
	to := &Policy{Groups: []Group{{Name: "web"}}}
	want := "- group web: egress all 0.0.0.0/0\n- group web: egress all ::/0"
	if diff := cmp.Diff(want, lines(Diff(from, to))); diff != "" {
		t.Error(diff)
	}
}

// TestDiffOfNetworkACLs: each rule of a list is named with its number and what it does, and so
// is the list that an interface has.
func TestDiffOfNetworkACLs(t *testing.T) {
	allow := ACLRule{Number: 100, Action: Allow, Protocol: TCP, From: 443, To: 443, CIDR: AnyIPv4}
	deny := ACLRule{Number: 50, Protocol: AllProtocols, From: -1, To: -1, CIDR: AnyIPv6}
	from := &Policy{
		NetworkACLs: []NetworkACL{{Name: "edge", Ingress: []ACLRule{allow, deny}}, {Name: "old"}},
		Interfaces:  []Interface{{Device: "eth0"}},
	}
	later := allow
	later.Number = 110
	to := &Policy{
		NetworkACLs: []NetworkACL{{Name: "edge", Ingress: []ACLRule{deny, later},
			Egress: []ACLRule{allow}, Tags: map[string]string{"a": "1"}}},
		Interfaces: []Interface{{Device: "eth0", NetworkACL: "edge"}},
	}
	want := `+ network ACL edge: tag "a"
- network ACL edge: ingress 100 allow tcp 443 0.0.0.0/0
+ network ACL edge: ingress 110 allow tcp 443 0.0.0.0/0
+ network ACL edge: egress 100 allow tcp 443 0.0.0.0/0
- network ACL old
~ device eth0: network_acl none → "edge"`
	if diff := cmp.Diff(want, lines(Diff(from, to))); diff != "" {
		t.Error(diff)
	}
}

// anyPeer4 is every IPv4 address as a peer.
var anyPeer4 = Peer{Kind: PeerCIDR, CIDR: AnyIPv4}

// TestDiffIsNothing: a policy in another order, written elsewhere, is the same;
// and what one direction adds the other removes.
func TestDiffIsNothing(t *testing.T) {
	differ := 0
	for seed := range uint64(500) {
		p := randomPolicy(rand.New(rand.NewPCG(seed, 9)))
		q := randomPolicy(rand.New(rand.NewPCG(seed, 9)))
		rnd := rand.New(rand.NewPCG(seed, 10))
		shuffle(rnd, q.Groups)
		shuffle(rnd, q.Interfaces)
		for i := range q.Groups {
			shuffle(rnd, q.Groups[i].Ingress)
			q.Groups[i].Pos.Line = 7
			for j := range q.Groups[i].Ingress {
				q.Groups[i].Ingress[j].Pos.Line = 8
				q.Groups[i].Ingress[j].Index = 99
			}
		}
		if got := Diff(p, q); len(got) > 0 {
			t.Fatalf("seed %d:\n%s", seed, lines(got))
		}
		other := randomPolicy(rand.New(rand.NewPCG(seed, 11)))
		count := func(cs []Change, op Op) (n int) {
			for _, c := range cs {
				if c.Op == op {
					n++
				}
			}
			return n
		}
		there, back := Diff(p, other), Diff(other, p)
		if count(there, Added) != count(back, Removed) || count(there, Removed) != count(back, Added) ||
			count(there, Changed) != count(back, Changed) {
			t.Fatalf("seed %d: there\n%s\nback\n%s", seed, lines(there), lines(back))
		}
		if len(there) > 0 {
			differ++
		}
	}
	if differ < 100 {
		t.Errorf("only %d of 500 pairs differ", differ)
	}
}

// TestDiffOfEmptySettings: what is empty before or after is called so.
func TestDiffOfEmptySettings(t *testing.T) {
	from, to := &Policy{Settings: DefaultSettings}, &Policy{Settings: DefaultSettings}
	from.Settings.FlowLog = DefaultFlowLog
	from.Settings.FlowLog.Destination = FlowLogStdout
	to.Settings.FlowLog = from.Settings.FlowLog
	to.Settings.FlowLog.Format, to.Settings.FlowLog.Region = "${version}", "eu-west-1"
	to.Settings.Metrics.Listen = "127.0.0.1:9455"
	want := `~ settings: flow_log.log_format default → ${version}
~ settings: flow_log.region none → eu-west-1
~ settings: metrics.listen none → 127.0.0.1:9455`
	if diff := cmp.Diff(want, lines(Diff(from, to))); diff != "" {
		t.Error(diff)
	}
	to.Settings = DefaultSettings
	want = "~ settings: flow_log.destination stdout → none"
	if diff := cmp.Diff(want, lines(Diff(from, to))); diff != "" {
		t.Error(diff)
	}
}
