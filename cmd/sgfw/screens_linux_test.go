package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/draft"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/screen"
	"sgfw/policy/member"
)

// screens are the command lines whose output people read, by the name of their file.
var screens = []struct{ name, args string }{
	{"help", "--help"},
	{"help-explain", "explain --help"},
	{"help-why", "why --help"},
	{"help-flows", "flows --help"},
	{"help-learn", "learn --help"},
	{"usage", "flows --interfce eth0"},
	{"usage-command", "validte"},
	{"no-daemon", "status --socket nowhere.sock"},
	{"check", "check good.yaml"},
	{"check-notices", "check near.yaml"},
	{"check-invalid", "check bad.yaml"},
	{"check-no-device", "check slip.yaml"},
	{"check-twins", "check twins.yaml"},
	{"check-same", "check good.yaml --same-as good.yaml"},
	{"check-other", "check superfluous.yaml --same-as cloud.yaml"},
	{"diff", "diff superfluous.yaml cloud.yaml"},
	{"diff-same", "diff good.yaml good.yaml"},
	{"diff-interfaces", "diff --by interface superfluous.yaml cloud.yaml"},
	{"audit-fix", "audit --fix superfluous.yaml"},
	{"audit-fix-none", "audit --fix good.yaml"},
	{"audit-fix-terraform", "audit --fix main.tf"},
	{"export-minimal", "export sgfw --minimal superfluous.yaml"},
	{"status", "status"},
	{"status-wide", "status -o wide"},
	{"flows", "flows"},
	{"flows-tracking", "flows --proto tcp"},
	{"flows-limit", "flows --limit 3"},
	{"flows-none", "flows --port 1"},
	{"flows-empty", "flows --group spare"},
	{"flows-revoke", "flows revoke --group web"},
	{"rules", "rules"},
	{"rules-unused", "rules --unused"},
	{"log", "log"},
	{"log-follow", "log -f"},
	{"log-empty", "log --address 192.0.2.9"},
	{"why", "why"},
	{"explain", "explain -p tcp --from 2001:db8:d::10 --to [2001:db8:1:2::99]:22"},
	{"explain-flow", "explain -p tcp --from 198.51.100.7:50000 --to :443"},
	{"explain-guests", "explain -p tcp --from 10.0.3.14 --to 10.0.3.15:443"},
	{"explain-bridged", "explain -p tcp --from 10.0.2.5 --to 10.0.2.6:443"},
	{"explain-about", "explain --from 10.0.3.1 --to 10.0.3.14 --about udp,:50000,192.0.2.53:53"},
	{"reload", "reload --force"},
	{"reload-invalid", "reload"},
	{"reload-dry-run", "reload --dry-run"},
	{"reload-confirm", "reload --confirm 60s"},
	{"reload-revoke", "reload --revoke"},
	{"confirm", "confirm"},
	{"rollback", "rollback"},
}

// drawn are the screens that commands draw of this machine, with facts made up.
var drawn = []struct {
	name string
	draw func(*program) error
}{
	{"init", func(p *program) error {
		typed := &typist{to: p.err, lines: []string{"y", "", "", "no", "perhaps",
			"192.0.2.0/24 2001:db8::/32", "y", "n"}}
		path := filepath.Join(os.TempDir(), fmt.Sprintf("sgfw-%d.yaml", os.Getpid()))
		defer os.Remove(path)
		err := p.writeFirst(path, firstMachine(), member.Facts{}, nil,
			&questioner{p: p, from: bufio.NewReader(typed)})
		text := strings.ReplaceAll(p.out.(*bytes.Buffer).String(), path, "/etc/sgfw/sgfw.yaml")
		p.out.(*bytes.Buffer).Reset()
		fmt.Fprint(p.out, text)
		return err
	}},
	{"init-yes", func(p *program) error {
		return p.writeFirst("-", firstMachine(), member.Facts{}, nil, draft.Usual{})
	}},
	{"learn", func(p *program) error { return p.drawLearned("-") }},
	{"learn-file", drawLearnedFile},
	{"flows-watch", func(p *program) error {
		frame, err := p.flowFrame(context.Background(), api.FlowQuery{}, p.screen, 2*time.Second)
		fmt.Fprintln(p.out, frame)
		return err
	}},
	{"no-daemon-closed", func(p *program) error {
		p.report(&absentError{
			err: fmt.Errorf("%w: nobody listens on /run/sgfw/sgfw.sock", control.ErrNoDaemon),
			remains: api.Remains{State: api.RemainsClosed, Tables: []string{"table inet sgfw"},
				Devices: []string{"enp1s0", "tap-*"}}})
		return nil
	}},
	{"no-daemon-denied", func(p *program) error {
		p.report(&control.DeniedError{Path: "/run/sgfw/sgfw.sock", Group: "sgfw",
			Listening: process.ListeningSomebody})
		return nil
	}},
	{"stopped", func(p *program) error {
		p.report(&control.UnresponsiveError{Path: "/run/sgfw/sgfw.sock",
			Holder: process.Process{PID: 812, State: 'T'}})
		return nil
	}},
	{"status-elsewhere", func(p *program) error {
		s, err := showcase{}.Status(context.Background())
		if err != nil {
			return err
		}
		p.network.Inode = s.Network.Inode
		s.Network = &api.Namespace{Inode: 4026532281, Name: "router"}
		return p.printStatus(p.screen, s)
	}},
	{"doctor", func(p *program) error { return p.printDiagnosis(diagnosis, formatTable) }},
}

var diagnosis = api.Diagnosis{Findings: []api.Finding{
	{Check: "privileges", Level: api.LevelOK, Message: "CAP_NET_ADMIN is there"},
	{Check: "queue-expression", Level: api.LevelNote, Message: "kernel 6.18.44 lacks the native " +
		"queue expression of nftables: the xtables target NFQUEUE does the same"},
	{Check: "listening-ports", Level: api.LevelWarning, Message: "tcp port 5355 (systemd-resolve) " +
		"waits for strangers on wlan0, which the policy does not manage", Hint: "add it to interfaces"},
	{Check: "daemon", Level: api.LevelProblem, Message: "no daemon answers, but its table is there: " +
		"what goes in or out through enp1s0, tap-* is dropped, but failsafes",
		Hint: "sgfw run enforces again, sgfw cleanup opens the machine"},
}}

// showcaseLinks are the devices of the machine that the screens show.
func showcaseLinks() (links.Snapshot, error) {
	return links.Snapshot{Facts: member.Facts{Links: []member.Link{
		{Name: "docker0", Index: 4},
		{Name: "eth0", Index: 2, Altnames: []string{"enp1s0"}, Hardware: true},
		{Name: "wlan0", Index: 3, Hardware: true},
	}}}, nil
}

// typist types a line at a time, which a terminal shows.
type typist struct {
	to    io.Writer
	lines []string
}

func (t *typist) Read(b []byte) (int, error) {
	if len(t.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(b, t.lines[0]+"\n")
	t.lines = t.lines[1:]
	_, err := t.to.Write(b[:n])
	return n, err
}

// firstMachine is a machine without a policy.
func firstMachine() draft.Machine {
	addr := netip.MustParseAddr
	m := draft.Machine{Devices: []draft.Device{
		{Name: "enp1s0", Addresses: []netip.Addr{addr("192.0.2.1"), addr("2001:db8:1:2::1")},
			Outward: true},
		{Name: "docker0", Addresses: []netip.Addr{addr("172.17.0.1")}},
		{Name: "wlan0"},
	}, Sessions: []draft.Session{{Client: addr("198.51.100.7"), Port: 22}}}
	for _, l := range []struct{ protocol, at, process string }{
		{"tcp", "0.0.0.0:22", "sshd"}, {"tcp", "[::]:22", "sshd"}, {"tcp", "[::]:443", "nginx"},
		{"tcp", "127.0.0.1:5432", "postgres"}, {"tcp", "172.17.0.1:5355", "systemd-resolve"},
		{"udp", "0.0.0.0:68", "dhclient"}, {"udp", "0.0.0.0:40123", "avahi-daemon"},
		{"udp", "[::]:51820", ""}, {"udp", "192.0.2.1:123", "chronyd"}, {"tcp", "[::]:80", "nginx"},
	} {
		m.Listens(l.protocol, netip.MustParseAddrPort(l.at), l.process, 32768)
	}
	return m
}

// TestScreens compares every screen at 80 and 120 columns with the files in
// testdata/screens, which `go test ./cmd/sgfw -run Screens -update` writes: look at
// them. No line is wider than the screen.
func TestScreens(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(t.Context())
	s, err := control.Listen(ctx, socket, control.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, s.Listener, showcase{}) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		s.Close()
	})
	golden, err := filepath.Abs(filepath.Join("testdata", "screens"))
	if err != nil {
		t.Fatal(err)
	}
	policies, err := filepath.Abs(filepath.Join("testdata", "policies"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(policies)
	for _, width := range []int{80, 120} {
		begin := func(colour bool) (*program, *bytes.Buffer) {
			b, sc := new(bytes.Buffer), screen.Screen{Width: width, Height: 24, Colour: colour}
			return &program{out: b, err: b, screen: sc, errScreen: sc, socket: socket,
				now: func() time.Time { return noon }, links: showcaseLinks}, b
		}
		for _, x := range screens {
			p, b := begin(false)
			args := strings.Fields(x.args)
			if !strings.Contains(x.args, "--socket") {
				args = append(args, "--socket", socket)
			}
			code := p.run(args)
			text := fmt.Sprintf("$ sgfw %s\n%s[exit %d]\n", x.args, b, code)
			sameScreen(t, filepath.Join(golden, fmt.Sprintf("%s.%d.txt", x.name, width)), text)
			if strings.HasSuffix(x.name, "-wide") {
				continue
			}
			for line := range strings.Lines(b.String()) {
				if n := screen.Width(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%s: %d columns at %d: %s", x.name, n, width, line)
				}
			}
		}
		for _, x := range drawn {
			p, b := begin(false)
			if err := x.draw(p); err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
			sameScreen(t, filepath.Join(golden, fmt.Sprintf("%s.%d.txt", x.name, width)), b.String())
		}
		if width == 80 {
			for _, name := range []string{"status", "log", "rules"} {
				p, b := begin(true)
				p.run([]string{name, "--socket", socket})
				sameScreen(t, filepath.Join(golden, name+".colour.txt"), b.String())
			}
		}
	}
}

// TestWatchIsForTerminals: elsewhere, and where it makes no sense, it is refused; on a
// terminal each screen is written over the one before.
func TestWatchIsForTerminals(t *testing.T) {
	on := func(s screen.Screen, args ...string) (string, exitCode) {
		var b bytes.Buffer
		p := &program{out: &b, err: &b, screen: s, socket: "nowhere.sock", now: time.Now,
			measure: func() screen.Screen { return s }}
		code := p.run(append([]string{"flows", "--socket", "nowhere.sock"}, args...))
		return b.String(), code
	}
	terminal := screen.Screen{Width: 80, Height: 24}
	for _, tc := range []struct {
		s    screen.Screen
		args string
		code exitCode
		says string
	}{
		{screen.Screen{}, "--watch", exitUsage, "needs a terminal"},
		{terminal, "--watch -o json", exitUsage, "is for people"},
		{terminal, "--watch=1ms", exitUsage, "200ms to 1h"},
		{terminal, "--watch", exitNoDaemon, "no sgfw daemon"},
	} {
		text, code := on(tc.s, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(text, tc.says) {
			t.Errorf("%s: exit %d\n%s", tc.args, code, text)
		}
	}
}

// sameScreen compares a screen with its file, or writes that.
func sameScreen(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what is printed (%v): go test ./cmd/sgfw -run Screens -update, and look "+
			"at\n%s", filepath.Base(path), err, got)
	}
}
