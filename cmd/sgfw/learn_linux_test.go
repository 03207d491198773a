package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/sockets"
	"sgfw/cmd/internal/host/ssh"
	watch "sgfw/cmd/internal/learn"
	"sgfw/policy"
	"sgfw/policy/learn"
	"sgfw/policy/member"
)

// foundThere is what was found on a made-up machine.
func foundThere() *watch.Found {
	r := learn.NewRecord()
	at := noon.UTC()
	add := func(device string, d policy.Direction, p policy.Protocol, port int, process string,
		peers ...string) {
		for _, peer := range peers {
			at = at.Add(7 * time.Second)
			r.Add(learn.Sighting{Service: learn.Service{Device: device, Direction: d, Protocol: p,
				From: port, To: port}, Peer: netip.MustParseAddr(peer), At: at, Process: process})
		}
	}
	for i := range 40 {
		add("enp1s0", policy.Ingress, policy.TCP, 443, "nginx", fmt.Sprintf("9.9.%d.9", i),
			"192.168.7.7")
	}
	add("enp1s0", policy.Egress, policy.UDP, 53, "systemd-resolve", "192.0.2.53", "2001:db8::53")
	add("enp1s0", policy.Egress, policy.TCP, 5432, "app", "10.0.0.4", "10.0.0.5", "10.0.0.5")
	add("wg0", policy.Ingress, policy.TCP, 22, "sshd", "10.8.0.2")
	return &watch.Found{Record: r, Begin: noon.UTC(), End: noon.UTC().Add(10 * time.Minute),
		Skipped: watch.Skipped{Unanswered: 1234}, Lost: 1, Listeners: []sockets.Socket{
			{Protocol: 6, Local: netip.MustParseAddrPort("[::]:443"), Process: "nginx"},
			{Protocol: 6, Local: netip.MustParseAddrPort("[::]:9100"), Process: "node_exporter"},
			{Protocol: 6, Local: netip.MustParseAddrPort("127.0.0.1:6379"), Process: "redis"},
			{Protocol: 6, Local: netip.MustParseAddrPort("192.0.2.9:3000"), Process: "elsewhere"},
		}}
}

// watchedLinks are the devices of that machine.
var watchedLinks = links.Snapshot{Facts: member.Facts{Links: []member.Link{
	{Name: "enp1s0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
	{Name: "wg0", Index: 3, Addresses: []netip.Addr{netip.MustParseAddr("10.8.0.1")}},
}}}

// watchedSession is a live SSH session into it.
var watchedSession = ssh.Session{Client: netip.MustParseAddrPort("198.51.100.7:50000"),
	Server: netip.MustParseAddrPort("192.0.2.1:22"), Devices: []string{"enp1s0"}}

// drawLearned draws what sgfw learn writes of that machine to a path.
func (p *program) drawLearned(path string) error {
	l := lesson{path: path, everyone: defaultEveryone, devices: []string{"enp1s0", "wg0"},
		groups: []string{"learned-enp1s0", "learned-wg0"}, host: "web-1"}
	return p.teach(&l, foundThere(), watchedLinks, []ssh.Session{watchedSession})
}

// drawLearnedFile draws what it says when it writes a file.
func drawLearnedFile(p *program) error {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("sgfw-learned-%d.yaml", os.Getpid()))
	defer os.Remove(path)
	err := p.drawLearned(path)
	text := strings.ReplaceAll(p.out.(*bytes.Buffer).String(), path, "first.yaml")
	p.out.(*bytes.Buffer).Reset()
	fmt.Fprint(p.out, text)
	return err
}

// TestLearnedFileInTheWay: what was watched is not lost where the file cannot be written any
// more.
func TestLearnedFileInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "there.yaml")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	p := &program{out: &out, err: &said}
	if err := p.drawLearned(path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if !strings.Contains(out.String(), "name: learned-enp1s0") ||
		!strings.Contains(said.String(), "here it is instead") {
		t.Errorf("%s\n%s", &out, &said)
	}
}

// TestLearnUsage: what flags cannot be is said before anything is watched.
func TestLearnUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--for 10ms", "--for 10ms: the time is 1s to 720h"},
		{"--for 721h", "the time is 1s to 720h"},
		{"--for soon", `"soon" is no time such as 60s or 5m`},
		{"--everyone -1", "cannot be negative"},
		{"--widen 33", "1 to 32"},
		{"--widen-ipv6 129", "1 to 128"},
		{"--listeners 10.0.0.1", "--listeners: "},
		{"--device enp2s0", "did you mean enp1s0?"},
		{"--device port0", "its packets are those of br0"},
		{"--device enp1s0,enp1s0", "is there twice"},
		{"--device enp1s0,wg0 --group a,b,c", "3 groups for 2 devices"},
		{"--device enp1s0,wg0 --group a,a", "--group a is there twice"},
		{"--device enp1s0 --group sg-web", `--group: group name "sg-web" looks like a group ID`},
		{"--device enp1s0,wg0 --group " + strings.Repeat("x", 250), "has 257 characters"},
		{"here", `unknown command "here"`},
	} {
		var out, said bytes.Buffer
		p := &program{out: &out, err: &said, now: time.Now, links: func() (links.Snapshot, error) {
			s := watchedLinks
			s.Masters = map[string]member.Master{"port0": {Name: "br0", Kind: "bridge"}}
			return s, nil
		}}
		code := p.run(append(append([]string{"learn"}, strings.Fields(c.args)...), "--socket",
			filepath.Join(t.TempDir(), "s")))
		if code != exitUsage || !strings.Contains(said.String(), c.want) || out.Len() > 0 {
			t.Errorf("%s: exit %d, %q, %q; want %q", c.args, code, &said, &out, c.want)
		}
	}
}

// TestLearnGroups: each device has a group of its own.
func TestLearnGroups(t *testing.T) {
	for _, c := range []struct{ devices, groups, want string }{
		{"eth0", "", "learned"}, {"eth0", "web", "web"}, {"eth0,wg0", "", "learned-eth0,learned-wg0"},
		{"eth0,wg0", "web", "web-eth0,web-wg0"}, {"eth0,wg0", "web,vpn", "web,vpn"},
	} {
		list := func(s string) []string {
			return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
		}
		l := lesson{devices: list(c.devices), groups: list(c.groups)}
		if err := l.nameGroups(); err != nil || !slices.Equal(l.groups, list(c.want)) {
			t.Errorf("%+v: %v, %v", c, l.groups, err)
		}
	}
}

// TestLearnRefusesWhereItIsClosed: what a table drops that a daemon left cannot be learned.
func TestLearnRefusesWhereItIsClosed(t *testing.T) {
	for state, want := range map[string]exitCode{api.RemainsClosed: exitRefused,
		api.RemainsHeld: exitRefused, api.RemainsNothing: exitOK, api.RemainsOpen: exitOK} {
		p := &program{socket: filepath.Join(t.TempDir(), "s"),
			remains: func() api.Remains { return api.Remains{State: state} }}
		if got := codeOf(p.unfiltered()); got != want {
			t.Errorf("%s: exit %d, want %d", state, got, want)
		}
	}
}
