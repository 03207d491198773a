package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sgfw/test/netlab"
)

// firewall is one firewall to compare.
type firewall struct {
	name string
	// start starts it at a place.
	start func(ctx context.Context, p *place) (*running, error)
	// absent is why it cannot be measured here, or "".
	absent string
}

// running is a firewall that was started.
type running struct {
	// pid is its process, 0 for one inside the kernel.
	pid  int
	stop func() error
	// flows returns how many flows sgfw has in its table; nil for others.
	flows func() (int, error)
}

// The firewalls that others are compared with.
const (
	nameNone     = "no firewall"
	nameNFTables = "nftables, stateful"
)

// firewalls lists what can be compared. Programs that have to be built first go to dir.
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
		sgfw(o, "sgfw, datapath: offload", 10, "  datapath: offload"),
		sgfw(o, "sgfw, balance: hash", 10, "  queues: { balance: hash }"),
		sgfw(o, "sgfw, balance: pinned", 10, "  queues: { balance: pinned }"),
		sgfwSeeing(o, "sgfw, view: wire", "wire", "eth0"),
		sgfwSeeing(o, "sgfw, two devices", "local", "eth0", "eth1"),
		sgfwSeeing(o, "sgfw, two devices, view: wire", "wire", "eth0", "eth1"),
		sgfw(o, "sgfw, busy_poll: 0", 10, "  queues: { busy_poll: 0 }"),
		sgfw(o, "sgfw, queue-driver go-nfqueue", 10, "", "--queue-driver", "go-nfqueue"),
		goNFQueue(),
		libnetfilterQueue(dir),
		suricata(dir),
		openSnitch(dir),
	)
}

// launch starts a program at the firewall's host. The program's first line on standard output
// says that it is ready.
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

// kill ends a program that needs no orderly shutdown.
func kill(cmd *netlab.Cmd) error {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // "signal: killed"
	return nil
}

// thousands formats 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
