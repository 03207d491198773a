package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/test/netlab"
)

// ground is where a drill takes place.
type ground struct {
	self, dir      string
	client, server *netlab.Host
	// cmd is the daemon, nil for none; ended hears of its end.
	cmd   *netlab.Cmd
	ended chan error
	log   *bytes.Buffer
}

// passing is what passes into the server: the port that a rule permits, and another one.
type passing struct{ open, shut bool }

var (
	filtered = passing{open: true}
	closed   = passing{}
	opened   = passing{true, true}
)

// String is a sentence without its end.
func (p passing) String() string {
	switch p {
	case filtered:
		return "what rules permit passes, nothing else"
	case closed:
		return "nothing passes"
	case opened:
		return "everything passes"
	}
	return "what no rule permits passes, and nothing else"
}

// serve has the server answer on both ports whatever reaches it.
func (g *ground) serve(ctx context.Context) error {
	return echo(ctx, g.server, openPort, shutPort)
}

func (g *ground) policy() string { return filepath.Join(g.dir, "drill.yaml") }

// write writes the policy, with its settings.
func (g *ground) write(settings string) error {
	return os.WriteFile(g.policy(), fmt.Appendf(nil, `version: 1
security_groups:
  - name: drill
    description: One port is open
    ingress:
      - { protocol: tcp, ports: %d, cidr_blocks: [0.0.0.0/0] }
      - { protocol: udp, ports: %[1]d, cidr_blocks: [0.0.0.0/0] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [drill] }
settings: { queues: { count: 1 }, %[2]s }
`, openPort, settings), 0o644)
}

func (g *ground) socket() string { return filepath.Join(g.dir, "sgfw.sock") }

// status asks the daemon.
func (g *ground) status(ctx context.Context) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return control.NewClient(g.socket()).Status(ctx)
}

// start starts a daemon, with further arguments, and waits until it enforces.
func (g *ground) start(ctx context.Context, args ...string) error {
	g.log, g.ended = new(bytes.Buffer), make(chan error, 1)
	cmd := g.server.Command(g.self, append([]string{"--socket", g.socket(), "run", "-c", g.policy(),
		"--force", "--state-dir", filepath.Join(g.dir, "state")}, args...)...)
	cmd.Stdout, cmd.Stderr = g.log, g.log
	// As a service has it, so that a loop that hangs is noticed soon.
	cmd.Env = append(os.Environ(), fmt.Sprintf("WATCHDOG_USEC=%d", (2*time.Second).Microseconds()))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the daemon: %w", err)
	}
	g.cmd = cmd
	ended := g.ended
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := g.status(ctx); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			g.cmd = nil
			return fmt.Errorf("the daemon did not start: %w\n%s", errors.Join(err), g.log)
		case <-ctx.Done():
			return fmt.Errorf("the daemon is not ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (g *ground) signal(s os.Signal) error { return g.cmd.Process.Signal(s) }

// freeze stops the process, and returns when none of its threads runs any more.
func (g *ground) freeze(ctx context.Context) error {
	if err := g.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for ctx.Err() == nil {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", g.cmd.Process.Pid))
		if err != nil {
			return err
		}
		frozen := 0
		for _, f := range files {
			b, err := os.ReadFile(f)
			if _, state, ok := bytes.Cut(b, []byte(") ")); err == nil && ok && state[0] == 'T' {
				frozen++
			}
		}
		if frozen > 0 && frozen == len(files) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("the daemon does not stop: %w", ctx.Err())
}

// stop ends the daemon in order, if there is one.
func (g *ground) stop() error {
	if g.cmd == nil {
		return nil
	}
	if err := g.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the daemon has ended: %w\n%s", err, g.log)
	}
	err := <-g.ended
	g.cmd = nil
	if err != nil {
		return fmt.Errorf("the daemon ended badly: %w\n%s", err, g.log)
	}
	return nil
}

// kill ends the daemon at once, if there is one.
func (g *ground) kill() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill() // it may have ended
	<-g.ended
	g.cmd = nil
}

// look tries both ports. It waits longer for what is expected.
func (g *ground) look(ctx context.Context, expected passing) passing {
	try := func(port uint16, expected bool) bool {
		ctx, cancel := context.WithTimeout(ctx, wait(expected))
		defer cancel()
		c, err := g.dial(ctx, port)
		if err != nil {
			return false
		}
		defer c.Close()
		return talks(c)
	}
	return passing{try(openPort, expected.open), try(shutPort, expected.shut)}
}

// soon is look until that is what is expected, or for a while.
func (g *ground) soon(ctx context.Context, expected passing) passing {
	for end := time.Now().Add(2 * patience); ; {
		if r := g.look(ctx, expected); r == expected || time.Now().After(end) {
			return r
		}
	}
}

// wakes looks as soon as something passes, or after a while: what waited in a full queue, and
// its answers, come first. What no rule permits may not pass meanwhile.
func (g *ground) wakes(ctx context.Context) passing {
	for end := time.Now().Add(2 * patience); ; {
		if r := g.look(ctx, filtered); r != closed || time.Now().After(end) {
			return r
		}
	}
}

func (g *ground) dial(ctx context.Context, port uint16) (net.Conn, error) {
	return dial(ctx, g.client, netip.AddrPortFrom(office[0].client, 0), office[0].server, port)
}
