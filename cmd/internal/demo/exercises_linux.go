package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/api"
	"sgfw/test/threads"
)

// drillFlows is the size of the flow table in a drill, overflowing how many packets are more
// than a queue takes.
const (
	drillFlows  = 16
	overflowing = 1 << 16
	// keptWithin is when a flow is on file, at the latest.
	keptWithin = 1500 * time.Millisecond
)

var exercises = []exercise{
	{"the daemon is killed; gone: drop", "nothing passes until a new one enforces", "",
		func(ctx context.Context, g *ground) (string, bool, error) {
			g.kill()
			first := g.look(ctx, closed)
			if err := g.start(ctx); err != nil {
				return "", false, err
			}
			then := g.look(ctx, filtered)
			return fmt.Sprintf("%s; then %s", first, then), first == closed && then == filtered, nil
		}},
	{"the daemon is killed; gone: accept", "everything passes", "on_failure: { gone: accept }",
		func(ctx context.Context, g *ground) (string, bool, error) {
			g.kill()
			r := g.look(ctx, opened)
			return r.String(), r == opened, nil
		}},
	{"the daemon is killed beside a connection that no rule permits",
		"it is mute, and goes on with the next daemon", "", killBeside},
	{"the daemon is suspended", "packets wait; what no rule permits does not pass", "", suspend},
	{"a verdict loop hangs", "nothing passes; status says degraded", "", hang(closed)},
	{"a verdict loop hangs; stuck: accept", "everything passes; status says degraded",
		"on_failure: { stuck: accept }", hang(opened)},
	{"the queue overflows", "packets are dropped and counted, and then it goes on", "",
		overflow(closed)},
	{"the queue overflows; overloaded: accept", "what finds no room passes and is counted, and " +
		"then it goes on", "on_failure: { overloaded: accept }", overflow(opened)},
	{"the flow table is full", "it keeps its limit; a live connection goes on; a new one finds room",
		fmt.Sprintf("max_flows: %d", drillFlows), fill},
	{"open connections fill the flow table", "what is new is dropped and counted; they go on; when " +
		"one ends there is room", fmt.Sprintf("max_flows: %d", drillFlows), crowd(closed)},
	{"open connections fill the flow table; table_full: accept", "what rules permit passes without " +
		"a flow and is counted, nothing else; they go on; when one ends there is room",
		fmt.Sprintf("max_flows: %d, on_failure: { table_full: accept }", drillFlows), crowd(filtered)},
	{"another program flushes nftables", "what rules permit passes, nothing else", "", flush},
	{"another program takes the queue", "the kernel refuses, and nothing changes", "", take},
	{"the daemon is restarted", "a connection goes on that no rule permits", "", restart},
}

// killBeside kills the daemon beside a connection that no rule permits, so that the next one
// knows of it by what was kept alone. With offload the kernel carries it until the kill.
func killBeside(ctx context.Context, g *ground) (string, bool, error) {
	c, err := g.before(ctx)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	if err := g.start(ctx); err != nil {
		return "", false, err
	}
	if !talks(c) {
		return "a first start cuts it", false, nil
	}
	select {
	case <-time.After(keptWithin):
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	g.kill()
	mute := !asks(c, silence)
	if err := g.start(ctx, "--no-adopt"); err != nil {
		return "", false, err
	}
	lives := talks(c)
	what := map[bool]string{true: "it is mute", false: "it goes on without a daemon"}[mute] +
		map[bool]string{true: ", and then goes on", false: ", and then is cut"}[lives]
	r := g.look(ctx, filtered)
	return fmt.Sprintf("%s; %s", what, r), mute && lives && r == filtered, nil
}

// before ends the daemon and returns a connection that no rule permits.
func (g *ground) before(ctx context.Context) (net.Conn, error) {
	if err := g.stop(); err != nil {
		return nil, err
	}
	c, err := g.dial(ctx, shutPort)
	if err != nil {
		return nil, err
	}
	if !talks(c) {
		return nil, errors.Join(errors.New("a connection is mute without a daemon"), c.Close())
	}
	return c, nil
}

// suspend stops the process and lets it go on.
func suspend(ctx context.Context, g *ground) (string, bool, error) {
	if err := g.freeze(ctx); err != nil {
		return "", false, err
	}
	waits := make(chan bool, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, 2*patience)
		defer cancel()
		c, err := g.dial(ctx, openPort)
		if err == nil {
			c.Close()
		}
		waits <- err == nil
	}()
	r := g.look(ctx, closed)
	if err := g.signal(syscall.SIGCONT); err != nil {
		return "", false, err
	}
	if passed := <-waits; !passed {
		return r.String() + "; what waited is lost", false, nil
	}
	return r.String() + "; what waited passed afterwards", r == closed, nil
}

// provocation is what provokes a failure.
type provocation func(ctx context.Context, g *ground) (string, bool, error)

// hang stops the one thread that reads the queue; expected is what passes then.
func hang(expected passing) provocation {
	return func(ctx context.Context, g *ground) (string, bool, error) {
		var loops []int
		for len(loops) == 0 {
			var err error
			if loops, err = threads.In(g.cmd.Process.Pid, unix.SYS_RECVMMSG); err != nil {
				return "", false, err
			}
			if ctx.Err() != nil {
				return "", false, errors.New("no thread reads the queue")
			}
			time.Sleep(time.Millisecond)
		}
		resume, err := threads.Stop(loops[0])
		if err != nil {
			return "", false, err
		}
		said := false
		for end := time.Now().Add(2 * patience); !said && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
			s, err := g.status(ctx)
			said = err == nil && s.State == api.StateDegraded
		}
		r := g.soon(ctx, expected)
		resume()
		after := g.soon(ctx, filtered)
		if !said {
			return r.String() + "; status says nothing", false, nil
		}
		return fmt.Sprintf("%s; status says degraded; then %s", r, after),
			r == expected && after == filtered, nil
	}
}

// overflow sends more than a queue takes while nobody reads it; expected is what passes then.
func overflow(expected passing) provocation {
	return func(ctx context.Context, g *ground) (string, bool, error) {
		if err := g.freeze(ctx); err != nil {
			return "", false, err
		}
		if err := g.flood(ctx, openPort, 1, overflowing); err != nil {
			return "", false, err
		}
		full := g.look(ctx, expected)
		if err := g.signal(syscall.SIGCONT); err != nil {
			return "", false, err
		}
		r := g.wakes(ctx)
		lost, err := g.counted(ctx, "overloaded")
		if err != nil {
			return "", false, err
		}
		return fmt.Sprintf("%s; %d packets found no room; then %s", full, lost, r),
			lost > 0 && full == expected && r == filtered, nil
	}
}

// flush does what most firewall scripts begin with.
func flush(ctx context.Context, g *ground) (string, bool, error) {
	c, err := nftables.New(nftables.WithNetNSFd(g.server.NetNS()))
	if err != nil {
		return "", false, err
	}
	c.FlushRuleset()
	if err := c.Flush(); err != nil {
		return "", false, err
	}
	r := g.look(ctx, filtered)
	return r.String(), r == filtered, nil
}

// take binds the daemon's queue for a program that accepts everything.
func take(ctx context.Context, g *ground) (string, bool, error) {
	s, err := g.status(ctx)
	if err != nil || len(s.Queues) == 0 {
		return "", false, fmt.Errorf("which queue it is: %w", errors.Join(err))
	}
	q, err := nfqueue.Open(&nfqueue.Config{NfQueue: s.Queues[0].Number, NetNS: g.server.NetNS(),
		MaxQueueLen: 1024, MaxPacketLen: 64, Copymode: nfqueue.NfQnlCopyPacket})
	if err != nil {
		return "", false, err
	}
	defer q.Close()
	refused := q.RegisterWithErrorFunc(ctx, func(a nfqueue.Attribute) int {
		_ = q.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	}, func(error) int { return 0 })
	r := g.look(ctx, filtered)
	if refused == nil {
		return "the queue is taken; " + r.String(), false, nil
	}
	return "refused; " + r.String(), r == filtered, nil
}

// restart ends the daemon in order and starts it anew beside a connection that was there
// before both.
func restart(ctx context.Context, g *ground) (string, bool, error) {
	c, err := g.before(ctx)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	lives := 0
	for range 2 {
		if err := g.start(ctx); err != nil {
			return "", false, err
		}
		if talks(c) {
			lives++
		}
		if err := g.stop(); err != nil {
			return "", false, err
		}
	}
	if err := g.start(ctx); err != nil {
		return "", false, err
	}
	r := g.look(ctx, filtered)
	return fmt.Sprintf("it goes on after %d of 2 starts; %s", lives, r),
		lives == 2 && r == filtered, nil
}
