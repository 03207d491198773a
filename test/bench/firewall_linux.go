package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sgfw/test/netlab"
)

// firewall is one thing to compare.
type firewall struct {
	name string
	// start puts it in force at a place and returns how to end it.
	start func(ctx context.Context, p *place) (*running, error)
	// absent says why it cannot be measured here, "" if it can.
	absent string
}

// running is a firewall in force.
type running struct {
	// pid is its process, 0 for one inside the kernel.
	pid  int
	stop func() error
	// flows is how many sgfw has in its table; nil for others.
	flows func() (int, error)
}

// The firewalls that others are compared with.
const (
	nameNone     = "no firewall"
	nameNFTables = "nftables, stateful"
)

// firewalls lists everything that can be compared; dir is for what has to be
// built first.
func firewalls(o options, dir string) []firewall {
	list := []firewall{
		{name: nameNone, start: func(context.Context, *place) (*running, error) {
			return &running{stop: func() error { return nil }}, nil
		}},
		{name: nameNFTables, start: startNFTables},
	}
	for _, rules := range []int{10, 1000, 10_000} {
		list = append(list, sgfw(o, fmt.Sprintf("sgfw, %s rules", thousands(rules)), rules, ""))
	}
	return append(list,
		sgfw(o, "sgfw, balance: hash", 10, "  queues: { balance: hash }"),
		sgfw(o, "sgfw, balance: pinned", 10, "  queues: { balance: pinned }"),
		sgfw(o, "sgfw, busy_poll: 0", 10, "  queues: { busy_poll: 0 }"),
		sgfw(o, "sgfw, queue-driver go-nfqueue", 10, "", "--queue-driver", "go-nfqueue"),
		goNFQueue(),
		libnetfilterQueue(dir),
		suricata(dir),
		openSnitch(dir),
	)
}

// launch starts a program at the firewall's host that says on its standard
// output, by a first line, that it is ready.
func launch(ctx context.Context, p *place, name string, args ...string) (*running, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := p.fw.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	run := &running{pid: cmd.Process.Pid, stop: func() error { return kill(cmd) }}
	r.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := r.Read(make([]byte, 64)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not ready: %w", name, err), run.stop())
	}
	return run, nil
}

// kill ends a program that has nothing to put in order.
func kill(cmd *netlab.Cmd) error {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // "signal: killed"
	return nil
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
