package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/screen"
	"sgfw/examples"
	"sgfw/test/netlab"
)

// The client has an address inside and one outside the office of the policy.
var topology = netlab.Topology{
	Hosts: []netlab.HostSpec{{Name: "client"}, {Name: "server"}},
	Links: []netlab.LinkSpec{{
		A: netlab.End{Host: "client", Dev: "eth0",
			Addrs: prefixes("198.51.100.10/24", "203.0.113.10/24", "2001:db8:c::10/64",
				"2001:db8:d::10/64")},
		B: netlab.End{Host: "server", Dev: "eth0",
			Addrs: prefixes("198.51.100.1/24", "203.0.113.1/24", "2001:db8:c::1/64", "2001:db8:d::1/64")},
	}},
}

// pair is a client address and the server's on the same network.
type pair struct {
	name           string
	client, server netip.Addr
}

var (
	office = []pair{
		{"office", netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("198.51.100.1")},
		{"office", netip.MustParseAddr("2001:db8:c::10"), netip.MustParseAddr("2001:db8:c::1")},
	}
	world = []pair{
		{"world", netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.1")},
		{"world", netip.MustParseAddr("2001:db8:d::10"), netip.MustParseAddr("2001:db8:d::1")},
	}
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// show is one run of the demo.
type show struct {
	out            io.Writer
	screen         screen.Screen
	table          *screen.Table
	client, server *netlab.Host
	daemon         *control.Client
	policy         string // the file
	tried, wrong   int
}

// Run gives the demo on a screen; self is the path of this program. It needs root.
func Run(ctx context.Context, out io.Writer, on screen.Screen, self string) error {
	if err := netlab.EnterUserNamespace(); err != nil {
		return fmt.Errorf("the demo makes network namespaces, which takes root here: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "sgfw-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	lab, err := netlab.Build(topology)
	if err != nil {
		return fmt.Errorf("making the namespaces: %w", err)
	}
	defer lab.Close()

	s := &show{out: out, screen: on, client: lab.Host("client"), server: lab.Host("server"),
		policy: filepath.Join(dir, "web-server.yaml")}
	socket := filepath.Join(dir, "sgfw.sock")
	s.daemon = control.NewClient(socket)
	stop, err := s.enforce(ctx, self, socket)
	if err != nil {
		return err
	}
	err = s.perform(ctx)
	if stopErr := stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	style := screen.Good
	if s.wrong > 0 {
		style = screen.Bad
	}
	counts := fmt.Sprintf("%d tried, %d as the policy says.", s.tried, s.tried-s.wrong)
	text := on.Paragraph(counts+" The daemon has stopped, its rules and both namespaces are gone."+
		" For a policy of your own: sgfw init", "")
	fmt.Fprintf(out, "\n%s\n", strings.Replace(text, counts, on.Paint(style, counts), 1))
	if s.wrong > 0 {
		return fmt.Errorf("%w: %d of %d", ErrSurprise, s.wrong, s.tried)
	}
	return nil
}

// enforce starts the daemon in the server and returns how to stop it.
func (s *show) enforce(ctx context.Context, self, socket string) (stop func() error, err error) {
	if err := os.WriteFile(s.policy, []byte(examples.WebServer), 0o644); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	cmd := s.server.Command(self, "--socket", socket, "run", "-c", s.policy, "--force", "--state-dir",
		"")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error {
		cmd.Process.Signal(os.Interrupt)
		if err := <-ended; err != nil {
			return fmt.Errorf("the daemon ended badly: %w\n%s", err, log.String())
		}
		return nil
	}
	for {
		if _, err := s.daemon.Status(ctx); err == nil {
			return stop, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the daemon did not start: %w\n%s", err, log.String())
		case <-ctx.Done():
			cmd.Process.Kill()
			<-ended
			return nil, fmt.Errorf("the daemon is not ready: %w\n%s", ctx.Err(), log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *show) perform(ctx context.Context) error {
	fmt.Fprint(s.out, `Two namespaces on one link: client ── eth0 server. The server enforces
examples/web-server.yaml; every packet of it goes through the kernel's NFQUEUE.
The client has addresses inside the office of that policy and outside. Each line
was tried over IPv4 and over IPv6:

`)
	if err := s.serve(ctx); err != nil {
		return err
	}
	s.heading()
	families := [][]attempt{firstPackets(office[0], world[0]), firstPackets(office[1], world[1])}
	for i := range families[0] {
		s.attempt(ctx, families[0][i], families[1][i])
	}
	if err := s.table.Flush(); err != nil {
		return err
	}
	return s.removeRule(ctx)
}

func (s *show) heading() {
	s.table = s.screen.Table(s.out,
		screen.Column{Head: "TRIED", Fit: screen.Folded, Least: 14},
		screen.Column{Head: "FROM"},
		screen.Column{Head: "TO"},
		screen.Column{Head: "RESULT"},
		screen.Column{Head: "BECAUSE OF", Fit: screen.Folded, Least: 24})
}

// attempt tries one thing, over each family that it is given for, asks the daemon what
// decided, and writes a line.
func (s *show) attempt(ctx context.Context, families ...attempt) {
	words := map[bool]string{true: "passed", false: "dropped"}
	result := screen.Cell{Style: screen.Good}
	var why []reason
	for i, a := range families {
		passed := a.try(ctx, s)
		s.tried++
		text := words[passed]
		if passed != a.pass {
			s.wrong++
			text += " (!)"
		}
		if !passed {
			result.Style = screen.Bad
		}
		switch {
		case i == 0:
			result.Text = text
		case text != result.Text:
			result.Text += ", IPv6 " + text
		}
		why = append(why, s.because(ctx, a.query))
	}
	text := why[0].text
	if last := why[len(why)-1]; last.rule != why[0].rule {
		text += ", over IPv6 " + cmp.Or(last.rule, last.text)
	}
	a := families[0]
	s.table.Row(a.what, a.from, a.to, result, text)
}

// reason is what decided, and the rule that permits, "" for none.
type reason struct{ text, rule string }

// because asks the daemon what decides about the packet that was just sent.
func (s *show) because(ctx context.Context, q api.Query) reason {
	x, err := s.daemon.Explain(ctx, q)
	switch {
	case err != nil:
		return reason{text: err.Error()}
	case x.Exemption != "":
		return reason{text: x.Exemption}
	case x.Rule != nil && x.Flow != nil:
		return reason{"a live flow that began by " + ruleName(x.Rule), rulePath(x.Rule)}
	case x.Rule != nil:
		return reason{ruleName(x.Rule), rulePath(x.Rule)}
	case len(x.Misses) > 0:
		return reason{text: "no rule: " + nearest(&x.Misses[0])}
	}
	return reason{text: "no rule"}
}

// nearest names a rule that almost permits the packet, and what keeps it.
func nearest(m *api.Miss) string {
	var lacks []string
	for _, d := range m.Fields {
		lacks = append(lacks, d.Field+" "+d.Want)
	}
	return rulePath(&m.Rule) + " wants " + strings.Join(lacks, " and ")
}

// rulePath is a rule's name as other commands write it.
func rulePath(r *api.RuleRef) string {
	return fmt.Sprintf("%s/%s/%d", r.Group, r.Direction, r.Index)
}

func ruleName(r *api.RuleRef) string {
	name := rulePath(r)
	if r.Description != "" {
		name += " “" + r.Description + "”"
	}
	return name
}

// sessionPort is the client's, so that the demo looks the same each time.
const sessionPort = 50022

// removeRule shows the difference between a live flow and a new one: the SSH
// rule goes while a session is open.
func (s *show) removeRule(ctx context.Context) error {
	from := office[0]
	own := netip.AddrPortFrom(from.client, sessionPort)
	session, err := dial(ctx, s.client, own, from.server, 22)
	if err != nil {
		return fmt.Errorf("opening the session that is to outlive its rule: %w", err)
	}
	defer session.Close()
	const rule = "      - description: SSH\n        protocol: tcp\n        ports: 22\n        " +
		"prefix_lists: [office, office-ipv6]\n"
	without := strings.Replace(examples.WebServer, rule, "", 1)
	if without == examples.WebServer {
		return fmt.Errorf("the example has no SSH rule to remove")
	}
	if err := os.WriteFile(s.policy, []byte(without), 0o644); err != nil {
		return err
	}
	if _, err := s.daemon.Reload(ctx, api.ReloadRequest{Force: true}); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	fmt.Fprint(s.out,
		"\nThe SSH rule is removed while a session is open (reload, no packet lost):\n\n")
	s.heading()
	live := tcpAttempt("open session", from, 22, true)
	live.query.From = session.LocalAddr().String()
	live.try = func(context.Context, *show) bool { return talks(session) }
	s.attempt(ctx, live)
	s.attempt(ctx, tcpAttempt("new connection", from, 22, false))
	return s.table.Flush()
}
