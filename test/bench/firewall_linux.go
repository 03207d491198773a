package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sgfw/policy"
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
	// status asks sgfw; nil for others.
	status func() (daemonStatus, error)
	// runtime is the directory of what sgfw keeps until the next boot, "" for others.
	runtime string
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
	for _, datapath := range []string{offload, userspace} {
		for _, rules := range []int{10, 10_000} {
			list = append(list, sgfw(o, sgfwName(datapath, rules), rules, inDatapath(datapath)))
		}
	}
	if o.settings || slices.ContainsFunc(o.only, isSetting) {
		list = append(list, otherSettings(o)...)
	}
	return append(list,
		rawNetlink(dir),
		libnetfilterQueue(dir),
		goNFQueue(),
		suricata(dir),
		openSnitch(dir),
	)
}

// Values of settings.datapath.
const (
	offload   = string(policy.DatapathOffload)
	userspace = string(policy.DatapathUserspace)
)

// sgfwName is what sgfw is called with a datapath and a number of rules.
func sgfwName(datapath string, rules int) string {
	return fmt.Sprintf("sgfw %s, %s rules", datapath, thousands(rules))
}

// inDatapath are settings of a policy.
func inDatapath(datapath string, more ...string) string {
	return strings.Join(append([]string{"  datapath: " + datapath}, more...), "\n")
}

// otherSettings are sgfw with settings that few need, to judge each every packet. They would
// double the time of a run.
func otherSettings(o options) []firewall {
	queues := func(text string) string { return inDatapath(userspace, "  queues: { "+text+" }") }
	return []firewall{
		sgfw(o, "sgfw userspace, balance: hash", 10, queues("balance: hash")),
		sgfw(o, "sgfw userspace, balance: pinned", 10, queues("balance: pinned")),
		sgfw(o, "sgfw userspace, busy_poll: 0", 10, queues("busy_poll: 0")),
		sgfw(o, "sgfw userspace, flow log", 10, inDatapath(userspace,
			"  flow_log: { destination: "+filepath.Join(os.TempDir(), "sgfw-bench-flow-log")+
				", aggregation_interval: 1 }")),
		sgfwScraped(o, "sgfw userspace, metrics read ten times a second"),
		sgfwSeeing(o, "sgfw userspace, view: wire", "wire", "eth0"),
		sgfwSeeing(o, "sgfw userspace, two devices", "local", "eth0", "eth1"),
		sgfwSeeing(o, "sgfw userspace, two devices, view: wire", "wire", "eth0", "eth1"),
		sgfw(o, "sgfw userspace, queue-driver go-nfqueue", 10, inDatapath(userspace),
			"--queue-driver", "go-nfqueue"),
	}
}

// isSetting reports whether a text that chooses is about one of the other settings.
func isSetting(text string) bool {
	return slices.ContainsFunc(otherSettings(options{}), func(f firewall) bool {
		_, setting, _ := strings.Cut(f.name, ", ")
		return strings.Contains(setting, strings.ToLower(text))
	})
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
