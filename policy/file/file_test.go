package file

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgfw/policy"
	"sgfw/test/parity"
)

func TestTooBig(t *testing.T) {
	big := []byte("version: 1\n#" + strings.Repeat("x", MaxSize))
	if p, _, err := Parse("p.yaml", big); p != nil || !errors.Is(err, ErrTooBig) {
		t.Errorf("Parse: %v, %v", p, err)
	}
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, big, 0o600); err != nil {
		t.Fatal(err)
	}
	if p, _, err := Load(path); p != nil || !errors.Is(err, ErrTooBig) {
		t.Errorf("Load: %v, %v", p, err)
	}
	if _, _, err := Parse("p.yaml", big[:MaxSize]); err != nil {
		t.Errorf("a file of just MaxSize: %v", err)
	}
	endless := endlessReader{}
	if text, err := ReadFrom(endless); len(text) != MaxSize+1 || err != nil {
		t.Errorf("an endless text: %d bytes, %v", len(text), err)
	}
}

// endlessReader is a text without end.
type endlessReader struct{}

func (endlessReader) Read(b []byte) (int, error) { return len(b), nil }

// TestNotRegular: nothing is waited for, and what it is said to be is no file.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("fifo", link); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{
		fifo: "a pipe", link: "a pipe", dir: "a directory", "/dev/zero": "a device",
	} {
		ended := make(chan error, 1)
		go func() {
			_, _, err := Load(path)
			ended <- err
		}()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), path+" is "+kind) {
				t.Errorf("%s: %v, want that it is %s", path, err, kind)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: waits for ever", path)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	if p, _, err := Load(path); p != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v, %v", p, err)
	}
	if err := os.WriteFile(path, []byte("version: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load(path)
	if got := policy.AsProblems(fmt.Errorf("reload: %w", err)); len(got) != 1 ||
		got[0].Pos != (policy.Pos{File: path, Line: 1, Col: 10}) {
		t.Errorf("problems %v", got)
	}
	if want := path +
		":1:10: version 2 is unknown (hint: this program reads version 1)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if policy.AsProblems(os.ErrNotExist) != nil {
		t.Error("another error has problems")
	}
}

// TestMany: of many mistakes the first hundred are reported, the rest is counted, and
// notices do not displace errors.
func TestMany(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("version: 1\nprefix_lists:\n  - name: a\n    entries:\n")
	for i := range 150 {
		fmt.Fprintf(&b, "      - cidr: 10.%d.0.1/24\n", i) // a notice each
	}
	for range 130 {
		b.WriteString("      - cidr: x\n") // an error each
	}
	_, problems, err := Parse("", b.Bytes())
	if err == nil {
		t.Fatal("taken")
	}
	errs, notices := problems.Of(policy.SeverityError), problems.Of(policy.SeverityNotice)
	if len(errs) != 101 || errs[100].Message != "and 30 more errors" {
		t.Errorf("%d errors, the last %v", len(errs), errs[len(errs)-1])
	}
	if len(notices) != 101 || notices[100].Message != "and 50 more warnings and notices" {
		t.Errorf("%d notices, the last %v", len(notices), notices[len(notices)-1])
	}
	if errs[0].Pos.Line != 155 || errs[99].Pos.Line != 254 {
		t.Errorf("errors from line %d to %d", errs[0].Pos.Line, errs[99].Pos.Line)
	}
}

// TestSourceDestCheckDefault: as in AWS the check is on where it can be made (D9).
func TestSourceDestCheckDefault(t *testing.T) {
	for keys, want := range map[string]bool{
		"":                                      false,
		", addresses: [192.0.2.1]":              false,
		", mode: guest":                         false,
		", mode: guest, addresses: []":          false,
		", mode: guest, addresses: [192.0.2.1]": true,
		", mode: guest, addresses: [192.0.2.1], source_dest_check: false":    false,
		", mode: guest, addresses: ['2001:db8::1'], source_dest_check: true": true,
	} {
		p, problems, err := Parse("f",
			[]byte("version: 1\nsecurity_groups: [{ name: web, description: x }]\ninterfaces:\n  - { "+
				"device: eth0, security_groups: [web]"+keys+" }\n"))
		if err != nil || len(problems) > 0 {
			t.Fatalf("%q: %v", keys, problems)
		}
		if got := p.Interfaces[0].SourceDestCheck; got != want {
			t.Errorf("%q: source_dest_check is %t, want %t", keys, got, want)
		}
	}
}

// TestDefaults: what the file leaves out is AWS's default, or ours.
func TestDefaults(t *testing.T) {
	parity.Proves(t, "D1", "Q1", "Q6", "Q7", "R26")
	p, problems, err := Parse("f",
		[]byte("version: 1\nsecurity_groups:\n  - { name: web, description: x }\n  - { name: shut, "+
			"description: x, egress: [] }\ninterfaces:\n  - device: eth0\n    security_groups: [web]\n"))
	if err != nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	want := &policy.Policy{
		Groups: []policy.Group{
			{Name: "web", Description: "x", Egress: []policy.Rule{ // D1
				{Index: -1, Protocol: -1, From: -1, To: -1, Peer: policy.Peer{CIDR: policy.AnyIPv4}},
				{Index: -1, Protocol: -1, From: -1, To: -1, Peer: policy.Peer{CIDR: policy.AnyIPv6}},
			}, Pos: policy.Pos{File: "f", Line: 3, Col: 5}},
			{Name: "shut", Description: "x", Pos: policy.Pos{File: "f", Line: 4, Col: 5}}, // D3
		},
		Interfaces: []policy.Interface{{
			Device: "eth0", Groups: []string{"web"}, Pos: policy.Pos{File: "f", Line: 6, Col: 5},
			Timeouts: policy.Timeouts{TCPEstablished: 432000 * time.Second, TCPHalfClosed: time.Hour,
				UDP:       30 * time.Second,
				UDPStream: 180 * time.Second},
		}},
		Quotas: policy.Quotas{ // Q1, Q6, Q7, R26
			RulesPerGroup: 60, GroupsPerInterface: 5, Groups: 2500, PrefixLists: 100,
			PrefixListEntries: 1000, NetworkACLs: 200, RulesPerNetworkACL: 20,
		},
		Settings: policy.Settings{Datapath: policy.DatapathUserspace,
			Offload:       policy.Offload{MarkBits: [2]uint8{28, 29}, Lifetime: 30 * time.Second},
			QueueBase:     4270,
			QueueBusyPoll: 50 * time.Microsecond, QueueDriver: policy.QueueDriverBatch, MaxFlows: 262144},
	}
	if diff := cmp.Diff(want, p, cmpopts.EquateComparable(netip.Prefix{}),
		cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestReads: every key of the format lands in its place. A rule is direction,
// protocol, ports and one peer (R1); a block with several peers is as many rules
// (R8), and one without ports has none (R9).
func TestReads(t *testing.T) {
	parity.Proves(t, "R1", "R8", "R9")
	p, problems, err := Parse("f", []byte(`version: 1
prefix_lists:
  - name: office
    max_entries: 10
    entries:
      - { cidr: 198.51.100.0/24, description: Head office }
security_groups:
  - name: web
    description: Front
    tags: { Name: w }
    ingress:
      - description: HTTPS
        protocol: tcp
        from_port: 443
        to_port: 444
        cidr_blocks: [0.0.0.0/0]
        ipv6_cidr_blocks: ["::/0"]
        prefix_lists: [office]
        security_groups: [app]
        self: true
      - { protocol: 58, security_groups: [web] }
    egress:
      - { protocol: "-1", cidr_blocks: [10.0.0.1/8], from_port: 0, to_port: 0 }
      - { protocol: icmp, from_port: 3, to_port: 4, self: true }
  - { name: app, description: App, egress: [] }
interfaces:
  - device: veth-*
    security_groups: [web, app]
    addresses: [10.0.0.1, "2001:db8::1"]
    connection_tracking: { tcp_established_timeout: 61, tcp_half_closed_timeout: 60,
      udp_timeout: 31, udp_stream_timeout: 61 }
peers:
  - { name: db-1, addresses: [10.0.1.7], security_groups: [app] }
quotas:
  rules_per_security_group: 61
  security_groups_per_interface: 6
  security_groups: 7
  prefix_lists: 8
  prefix_list_entries: 11
settings:
  icmp_errors: rules
  on_stop: keep
  on_failure: { gone: accept, stuck: drop, overloaded: accept, table_full: accept }
  queues: { base: 5000, count: 2, busy_poll: 20 }
  offload: { mark_bits: [7, 6], lifetime: 20 }
  max_flows: 1000
  watch: true
`))
	if err != nil || len(problems) != 1 { // host bits
		t.Fatal(problems)
	}
	at := func(line, col int) policy.Pos { return policy.Pos{File: "f", Line: line, Col: col} }
	cidr, addr := netip.MustParsePrefix, netip.MustParseAddr
	https := func(peer policy.Peer) policy.Rule {
		return policy.Rule{Description: "HTTPS", Protocol: policy.TCP, From: 443, To: 444, Peer: peer,
			Pos: at(12, 9)}
	}
	want := &policy.Policy{
		PrefixLists: []policy.PrefixList{
			{Name: "office", Family: policy.IPv4, MaxEntries: 10, Pos: at(3, 5),
				Entries: []policy.PrefixEntry{
					{CIDR: cidr("198.51.100.0/24"), Description: "Head office", Pos: at(6, 9)},
				}}},
		Groups: []policy.Group{
			{
				Name: "web", Description: "Front", Tags: map[string]string{"Name": "w"}, Pos: at(8, 5),
				Ingress: []policy.Rule{
					https(policy.Peer{CIDR: cidr("0.0.0.0/0"), Pos: at(16, 23)}),
					https(policy.Peer{CIDR: cidr("::/0"), Pos: at(17, 28)}),
					https(policy.Peer{Kind: policy.PeerPrefixList, Name: "office", Pos: at(18, 24)}),
					https(policy.Peer{Kind: policy.PeerGroup, Name: "app", Pos: at(19, 27)}),
					https(policy.Peer{Kind: policy.PeerGroup, Name: "web", Self: true, Pos: at(20, 15)}),
					{Index: 1, Protocol: policy.ICMPv6, From: -1, To: -1,
						Peer: policy.Peer{Kind: policy.PeerGroup, Name: "web", Pos: at(21, 43)}, Pos: at(21, 9)},
				},
				Egress: []policy.Rule{
					{Protocol: policy.AllProtocols, From: -1, To: -1,
						Peer: policy.Peer{CIDR: cidr("10.0.0.0/8"), Pos: at(23, 41)}, Pos: at(23, 9)},
					{Index: 1, Protocol: policy.ICMP, From: 3, To: 4,
						Peer: policy.Peer{Kind: policy.PeerGroup, Name: "web", Self: true, Pos: at(24, 59)},
						Pos:  at(24, 9)},
				},
			},
			{Name: "app", Description: "App", Pos: at(25, 5)},
		},
		Interfaces: []policy.Interface{{
			Device: "veth-*", Groups: []string{"web", "app"},
			Addresses: []netip.Addr{addr("10.0.0.1"), addr("2001:db8::1")},
			Timeouts: policy.Timeouts{TCPEstablished: 61 * time.Second, TCPHalfClosed: time.Minute,
				UDP: 31 * time.Second, UDPStream: 61 * time.Second}, Pos: at(27, 5),
		}},
		Remotes: []policy.Remote{{Name: "db-1", Addresses: []netip.Addr{addr("10.0.1.7")},
			Groups: []string{"app"}, Pos: at(33, 5)}},
		Quotas: policy.Quotas{RulesPerGroup: 61, GroupsPerInterface: 6, Groups: 7, PrefixLists: 8,
			PrefixListEntries: 11, NetworkACLs: 200, RulesPerNetworkACL: 20},
		Settings: policy.Settings{
			Datapath:   policy.DatapathUserspace,
			Offload:    policy.Offload{MarkBits: [2]uint8{7, 6}, Lifetime: 20 * time.Second},
			ICMPErrors: policy.ICMPErrorsRules, OnStop: policy.OnStopKeep, OnGone: policy.FailAccept,
			OnOverloaded: policy.FailAccept, OnTableFull: policy.FailAccept,
			QueueBase: 5000, QueueCount: 2, QueueBusyPoll: 20 * time.Microsecond,
			QueueDriver: policy.QueueDriverBatch, MaxFlows: 1000, Watch: true,
		},
	}
	if diff := cmp.Diff(want, p, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
		cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
