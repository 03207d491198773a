package ssh

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"sgfw/filter"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

const text = `version: 1
prefix_lists:
  - name: office
    entries: [{ cidr: 198.51.100.0/24 }]
security_groups:
  - name: admin
    description: SSH
    ingress:
      - description: SSH from the office
        protocol: tcp
        ports: 22
        prefix_lists: [office]
      - protocol: tcp
        ports: 22
        ipv6_cidr_blocks: ["2001:db8::/32"]
  - name: web
    description: no SSH
    ingress:
      - protocol: tcp
        ports: 443
        cidr_blocks: [0.0.0.0/0]
interfaces:
  - { device: eth0, security_groups: [admin, web] }
  - { device: eth1, security_groups: [web] }
`

func ruleset(t *testing.T) *filter.Ruleset {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return filter.Compile(p, nil)
}

func session(client, server string, devices ...string) Session {
	return Session{Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server),
		Devices: devices}
}

func TestCheck(t *testing.T) {
	rs := ruleset(t)
	for _, tc := range []struct {
		name     string
		sessions []Session
		lockouts []string // parts of each line, "" for no lockout at all
	}{
		{"nobody", nil, nil},
		{"permitted", []Session{session("198.51.100.9:50000", "192.0.2.1:22", "eth0")}, nil},
		{"permitted IPv6", []Session{session("[2001:db8::9]:50000", "[2001:db8:1::1]:22", "eth0")}, nil},
		{"link-local with zone", []Session{session("[fe80::9%eth0]:50000", "[fe80::1%eth0]:22", "eth0")},
			[]string{"SSH from fe80::9%eth0 to port 22 on eth0"}},
		{"wrong source", []Session{session("203.0.113.9:50000", "192.0.2.1:22", "eth0")},
			[]string{"SSH from 203.0.113.9 to port 22 on eth0: no ingress rule of admin, web permits it; " +
				"nearest: admin/ingress/0 (p.yaml:9): peer is 203.0.113.9, not list office"}},
		{"wrong port", []Session{session("198.51.100.9:50000", "192.0.2.1:2222", "eth0")},
			[]string{"port is 2222, not 22"}},
		{"wrong interface", []Session{session("198.51.100.9:50000", "192.0.2.1:22", "eth1")},
			[]string{"on eth1"}},
		{"unmanaged interface", []Session{session("203.0.113.9:50000", "192.0.2.1:22", "eth7")}, nil},
		{"no interface", []Session{session("203.0.113.9:50000", "192.0.2.1:22")}, nil},
		{"one of two interfaces", []Session{
			session("198.51.100.9:50000", "192.0.2.1:22", "eth0", "eth1")}, []string{"on eth1"}},
		{"two sessions of one client are one lockout", []Session{
			session("203.0.113.9:50000", "192.0.2.1:22", "eth0"),
			session("203.0.113.9:50001", "192.0.2.1:22", "eth0"),
		}, []string{"203.0.113.9"}},
		{"two clients", []Session{
			session("203.0.113.9:50000", "192.0.2.1:22", "eth0"),
			session("203.0.113.10:50001", "192.0.2.1:22", "eth0"),
		}, []string{"203.0.113.9 ", "203.0.113.10 "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Check(rs, tc.sessions)
			if len(tc.lockouts) == 0 {
				if err != nil {
					t.Fatalf("Check = %v, want nil", err)
				}
				return
			}
			if !errors.Is(err, ErrLockout) {
				t.Fatalf("Check = %v, want ErrLockout", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if got := lines[1 : len(lines)-1]; len(got) != len(tc.lockouts) {
				t.Fatalf("%d lockouts, want %d:\n%v", len(got), len(tc.lockouts), err)
			}
			for i, want := range tc.lockouts {
				if !strings.Contains(lines[i+1], want) {
					t.Errorf("line %d = %q, want %q in it", i+1, lines[i+1], want)
				}
			}
			if last := lines[len(lines)-1]; !strings.Contains(last, "--force") {
				t.Errorf("the way out is missing: %q", last)
			}
		})
	}
}

// TestCheckGuests: a client that is a guest of this machine needs an egress rule
// of the guest. Who is not behind the guest's device has nothing to do with it,
// though this machine's address may be on it.
func TestCheckGuests(t *testing.T) {
	p, _, err := file.Parse("p.yaml", []byte(`version: 1
security_groups:
  - name: quiet
    description: asks nobody
    egress: []
  - name: loud
    description: asks everyone
interfaces:
  - { device: veth-q, mode: guest, security_groups: [quiet] }
  - { device: veth-l, mode: guest, security_groups: [loud], addresses: [10.0.1.10] }
`))
	if err != nil {
		t.Fatal(err)
	}
	rs := filter.Compile(p, nil)
	for _, tc := range []struct {
		client, device string
		toward         []string
		want           string // "" for no lockout
	}{
		{"10.0.2.10:50000", "veth-q", []string{"veth-q"},
			"on veth-q: no egress rule of quiet permits it"},
		{"10.0.1.10:50000", "veth-l", []string{"veth-l"}, ""},
		{"10.0.1.99:50000", "veth-l", []string{"veth-l"}, "source_dest_check"},
		{"198.51.100.9:50000", "veth-q", nil, ""},
		{"198.51.100.9:50000", "veth-l", []string{"eth0"}, ""},
	} {
		s := session(tc.client, "10.0.1.1:22", tc.device)
		s.Toward = tc.toward
		if err := Check(rs, []Session{s}); (err == nil) != (tc.want == "") || err != nil &&
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s on %s: %v, want %q", tc.client, tc.device, err, tc.want)
		}
	}
}

// TestCheckNetworkACL: what the groups permit is a lockout where the interface's network ACL
// denies it, or the answers to it.
func TestCheckNetworkACL(t *testing.T) {
	const allow = "{ rule_no: 100, action: allow, protocol: tcp, ports: 22, cidr_block: 0.0.0.0/0 }"
	const answers = "{ rule_no: 100, action: allow, protocol: tcp, ports: 50000-60000, " +
		"cidr_block: 198.51.100.0/24 }"
	const deny = "{ rule_no: 7, action: deny, protocol: all, cidr_block: 198.51.100.9/32 }"
	for name, tc := range map[string]struct{ ingress, egress, says string }{
		"allowed": {allow, answers, ""},
		"no rule": {"", answers, "ingress rule * of network ACL edge denies it"},
		"a deny":  {allow + ", " + deny, answers, "ingress rule 7 of network ACL edge denies it"},
		"no answers": {allow, "", "egress rule * of network ACL edge denies the answers, " +
			"which go to port 50001; allow egress tcp 1024-65535 in front of it"},
		"answers are denied": {allow, answers + ", " + deny,
			"egress rule 7 of network ACL edge denies the answers"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, err := file.Parse("p.yaml", []byte(strings.Replace(text, "security_groups: [admin, web]",
				"security_groups: [admin], network_acl: edge", 1)+"network_acls:\n  - { name: edge, ingress: ["+
				tc.ingress+"], egress: ["+tc.egress+"] }\n"))
			if err != nil {
				t.Fatal(err)
			}
			err = Check(filter.Compile(p, nil),
				[]Session{session("198.51.100.9:50001", "192.0.2.1:22", "eth0")})
			switch {
			case tc.says == "" && err != nil:
				t.Errorf("Check = %v, want nil", err)
			case tc.says != "" && (!errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), tc.says)):
				t.Errorf("Check = %v, want %q", err, tc.says)
			}
			if e, ok := errors.AsType[*LockoutError](err); ok && !e.Lockouts[0].Cut() {
				t.Errorf("%v: and its session goes on", err)
			}
		})
	}
}

func TestParseConnection(t *testing.T) {
	for _, tc := range []struct{ in, client, server string }{
		{"198.51.100.9 50000 192.0.2.1 22", "198.51.100.9:50000", "192.0.2.1:22"},
		{"2001:db8::9 50000 2001:db8::1 2222", "[2001:db8::9]:50000", "[2001:db8::1]:2222"},
		{"::ffff:198.51.100.9 50000 ::ffff:192.0.2.1 22", "198.51.100.9:50000", "192.0.2.1:22"},
		{"fe80::9%eth0 50000 fe80::1%eth0 22", "[fe80::9%eth0]:50000", "[fe80::1%eth0]:22"},
	} {
		client, server, err := ParseConnection(tc.in)
		if err != nil || client.String() != tc.client || server.String() != tc.server {
			t.Errorf("ParseConnection(%q) = %v, %v, %v", tc.in, client, server, err)
		}
	}
	for _, in := range []string{"", "198.51.100.9 50000 192.0.2.1", "host 1 192.0.2.1 22",
		"198.51.100.9 65536 192.0.2.1 22",
		"198.51.100.9 1 192.0.2.1 ssh", "198.51.100.9 1 192.0.2.1 22 x"} {
		if c, s, err := ParseConnection(in); err == nil {
			t.Errorf("ParseConnection(%q) = %v, %v, want an error", in, c, s)
		}
	}
}

// TestCheckByAltname: a session's device is the one that the policy calls by an altname.
func TestCheckByAltname(t *testing.T) {
	rs := ruleset(t).WithLinks([]member.Link{{Name: "enp1s0", Index: 2, Altnames: []string{"eth0"}}})
	office := session("198.51.100.9:50000", "192.0.2.1:22", "enp1s0")
	if err := Check(rs, []Session{office}); err != nil {
		t.Errorf("permitted: %v", err)
	}
	err := Check(rs, []Session{session("203.0.113.9:50000", "192.0.2.1:22", "enp1s0")})
	if !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "on enp1s0") {
		t.Errorf("a lockout: %v", err)
	}
}
