package draft

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/file"
)

// scripted answers from a list, and keeps the questions.
type scripted struct {
	answers, questions, complaints []string
}

func (s *scripted) Ask(question, usual string) (string, error) {
	s.questions = append(s.questions, question+" ["+usual+"]")
	if len(s.answers) == 0 {
		return "", errors.New("no more answers")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	if answer == "" {
		answer = usual
	}
	return answer, nil
}

func (s *scripted) Misunderstood(why string) { s.complaints = append(s.complaints, why) }

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func machine() Machine {
	m := Machine{
		Devices: []Device{{Name: "eth0", Addresses: addrs("192.0.2.1", "2001:db8::1"), Outward: true},
			{Name: "br0", Addresses: addrs("172.17.0.1")}, {Name: "idle0"}},
		Sessions: []Session{{Client: addrs("198.51.100.7")[0], Port: 2222},
			{Client: addrs("2001:db8:9::7")[0], Port: 2222}},
	}
	for _, l := range []struct{ protocol, at, process string }{
		{"tcp", "[::]:2222", "systemd"}, {"tcp", "0.0.0.0:80", "a\x1b[31m\"b"}, {"tcp", "[::]:80", "b"},
		{"tcp", "127.0.0.1:25", "master"}, {"tcp", "172.17.0.1:53", "dnsmasq"},
		{"udp", "0.0.0.0:68", "dhclient"}, {"udp", "0.0.0.0:40000", "resolver"},
		{"udp", "[::]:51820", ""}, {"udp", "[fe80::1]:546", "networkd"},
	} {
		m.Listens(l.protocol, netip.MustParseAddrPort(l.at), l.process, 32768)
	}
	return m
}

// load is the draft as the reader of policies understands it: without a complaint.
func load(t *testing.T, p *Policy) *policy.Policy {
	t.Helper()
	out, problems, err := file.Parse("first.yaml", []byte(p.YAML()))
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", err, problems)
	}
	return out
}

// rules are those of all groups as text.
func rules(p *policy.Policy) (out []string) {
	for i := range p.Groups {
		for _, r := range p.Groups[i].Ingress {
			out = append(out, p.Groups[i].Name+": "+r.String())
		}
	}
	return out
}

// TestUsual: what leads outside is protected, what was open stays so, and SSH is for
// those who are connected.
func TestUsual(t *testing.T) {
	d, err := Draft(machine(), Usual{})
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, d)
	want := []string{"ssh: tcp 2222 198.51.100.7/32", "ssh: tcp 2222 2001:db8:9::7/128",
		"services: tcp 80 0.0.0.0/0", "services: tcp 80 ::/0", "services: udp 51820 0.0.0.0/0",
		"services: udp 51820 ::/0"}
	if got := rules(p); !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
	if got := d.Devices(); !slices.Equal(got, []string{"eth0"}) || len(p.Interfaces) != 1 ||
		!slices.Equal(p.Interfaces[0].Groups, []string{"ssh", "services"}) {
		t.Errorf("devices %q, interfaces %+v", got, p.Interfaces)
	}
	if len(d.World()) != 2 {
		t.Errorf("open to the world: %v", d.World())
	}
}

// TestAnswers: nobody, some networks, and what is not understood is asked again.
func TestAnswers(t *testing.T) {
	ask := &scripted{answers: []string{"Yes", "n", "no", "y-",
		"192.0.2.9 2001:db8:1::9/64, 10.1.2.3/8", ""}}
	d, err := Draft(machine(), ask)
	if err != nil {
		t.Fatal(err, ask.questions)
	}
	want := []string{"ssh: tcp 2222 192.0.2.9/32", "ssh: tcp 2222 10.0.0.0/8",
		"ssh: tcp 2222 2001:db8:1::/64", "services: udp 51820 0.0.0.0/0", "services: udp 51820 ::/0"}
	if got := rules(load(t, d)); !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
	questions := []string{"Protect eth0 (192.0.2.1, 2001:db8::1)? (y or n) [y]",
		"Protect br0 (172.17.0.1)? (y or n) [n]"}
	if !slices.Equal(ask.questions[:2], questions) || len(ask.complaints) != 1 {
		t.Errorf("questions %q, complaints %q", ask.questions, ask.complaints)
	}
	if text := d.YAML(); !strings.Contains(text, "#   tcp port 80 ") ||
		!strings.Contains(text, "#   br0 (172.17.0.1)\n#   idle0\n") {
		t.Errorf("what is left out is not said:\n%s", text)
	}
	_, err = Draft(machine(), &scripted{answers: []string{"n", "n"}})
	if !errors.Is(err, ErrNothing) {
		t.Errorf("no device: %v", err)
	}
	if _, err := Draft(machine(), &scripted{answers: []string{"y"}}); err == nil {
		t.Error("somebody who goes away has a policy")
	}
	for _, bad := range []string{"", ",", "host", "192.0.2.0/33", "fe80::1%eth0", "::ffff:192.0.2.1"} {
		if p, err := parsePrefixes(bad); err == nil {
			t.Errorf("%q: %v", bad, p)
		}
	}
}

// TestMachines: without anything to open, without a way outside, and with more ports
// than the quotas take, the draft is valid.
func TestMachines(t *testing.T) {
	alone := Machine{Devices: []Device{{Name: "eth0", Addresses: addrs("192.0.2.1")},
		{Name: "eth1", Addresses: addrs("192.0.2.2")}}}
	d, err := Draft(alone, Usual{})
	if err != nil {
		t.Fatal(err)
	}
	if p := load(t, d); len(p.Interfaces) != 2 || len(rules(p)) != 0 {
		t.Errorf("interfaces %+v, rules %q", p.Interfaces, rules(p))
	}
	// A session to a port on which nobody is seen to listen.
	alone.Sessions = []Session{{Client: addrs("198.51.100.7")[0], Port: 22}}
	if d, err = Draft(alone, Usual{}); err != nil {
		t.Fatal(err)
	}
	if got := rules(load(t, d)); !slices.Equal(got, []string{"ssh: tcp 22 198.51.100.7/32"}) {
		t.Errorf("rules %q", got)
	}
	for port := range uint16(1000) {
		alone.Listens("tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), port+1), fmt.Sprint("p", port),
			32768)
	}
	if d, err = Draft(alone, Usual{}); err != nil {
		t.Fatal(err)
	}
	if p := load(t, d); len(p.Groups) != 4 || len(rules(p)) != 2*3*rulesPerGroup+1 {
		t.Errorf("%d groups, %d rules", len(p.Groups), len(rules(p)))
	}
}

// TestSSHStays: a machine with more ports than the quotas take stays open to SSH, also
// where that has the highest port.
func TestSSHStays(t *testing.T) {
	m := Machine{Devices: []Device{{Name: "eth0", Addresses: addrs("192.0.2.1")}},
		Sessions: []Session{{Client: addrs("198.51.100.7")[0], Port: 60022}}}
	for port := range uint16(1000) {
		m.Listens("tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), port+1000), "p", 32768)
	}
	d, err := Draft(m, Usual{})
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, d)
	if got := rules(p); !slices.Contains(got, "ssh: tcp 60022 198.51.100.7/32") ||
		len(p.Groups) != 4 || len(got) != 2*3*rulesPerGroup+1 {
		t.Errorf("%d groups, %d rules, the first is %s", len(p.Groups), len(got), got[0])
	}
}
