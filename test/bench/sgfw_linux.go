package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sgfw is the program as users run it, with a policy of about the given number of rules.
// settings are lines for the policy's settings.
func sgfw(o options, name string, rules int, settings string, args ...string) firewall {
	return firewall{name: name, start: func(ctx context.Context, p *place) (*running, error) {
		return startSGFW(ctx, o.sgfw, p, policyText(p.device(), rules, settings), args)
	}}
}

// sgfwSeeing is the program with ten rules on the devices, each with the view. On the host
// eth1 does not exist, and costs nothing.
func sgfwSeeing(o options, name, view string, devices ...string) firewall {
	return firewall{name: name, start: func(ctx context.Context, p *place) (*running, error) {
		policy := policyText(p.device(), 10, "")
		policy = policy[:strings.Index(policy, "interfaces:")] + "interfaces:\n"
		for _, d := range devices {
			policy += fmt.Sprintf("  - { device: %s, view: %s, security_groups: [served] }\n", d, view)
		}
		policy += "settings:\n" + inDatapath(userspace) + "\n"
		return startSGFW(ctx, o.sgfw, p, policy, nil)
	}}
}

// policyRules is how many rules one group has at most: AWS's quota is 60.
const policyRules = 50

// policyText permits the loads and has n rules in all: two for the loads, and others that do
// not match. Beyond policyRules, each rule names a group with several members. To the engine
// each member is a rule of its own: a prefix with its ports.
func policyText(device string, n int, settings string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nsecurity_groups:\n"+
		"  - name: served\n    description: What is measured\n    ingress:\n")
	for _, proto := range []string{"tcp", "udp"} {
		fmt.Fprintf(&b, "      - { protocol: %s, ports: %d-%d, cidr_blocks: [%s] }\n",
			proto, firstPort, lastPort, clientNet)
	}
	others := n - 2
	rules := min(others, policyRules)
	each := others / max(rules, 1)
	address := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff) }
	for i := range rules {
		if each == 1 {
			fmt.Fprintf(&b, "      - { protocol: tcp, ports: %d, cidr_blocks: [%s/32] }\n",
				1000+i, address(i))
		} else {
			fmt.Fprintf(&b, "      - { protocol: tcp, ports: %d, security_groups: [others-%d] }\n",
				1000+i, i)
		}
	}
	if each > 1 {
		for i := range rules {
			fmt.Fprintf(&b, "  - { name: others-%d, description: Others }\n", i)
		}
	}
	fmt.Fprintf(&b, "interfaces:\n  - { device: %s, security_groups: [served] }\n", device)
	if each > 1 {
		b.WriteString("peers:\n")
		for i := range rules {
			fmt.Fprintf(&b, "  - { name: others-%d, security_groups: [others-%d], addresses: [", i, i)
			for j := range each {
				if j > 0 {
					b.WriteString(", ")
				}
				b.WriteString(address(1 + i*each + j))
			}
			b.WriteString("] }\n")
		}
	}
	if settings != "" {
		fmt.Fprintf(&b, "settings:\n%s\n", settings)
	}
	return b.String()
}

func startSGFW(
	ctx context.Context, program string, p *place, policy string, args []string,
) (_ *running, err error) {
	dir, err := os.MkdirTemp("", "sgfw-bench")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	config := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(config, []byte(policy), 0o600); err != nil {
		return nil, err
	}
	ready := filepath.Join(dir, "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ready, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer notify.Close()
	socket := filepath.Join(dir, "run", "sgfw.sock")
	var log bytes.Buffer
	cmd := p.fw.CommandContext(ctx, program,
		append([]string{"--socket", socket, "run", "-c", config, "--state-dir", ""}, args...)...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+ready, "SSH_CONNECTION=")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error {
		defer os.RemoveAll(dir)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("sgfw: %w\n%s", err, log.String())
		}
		return nil
	}
	notify.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 4096)
	for {
		n, err := notify.Read(b)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sgfw is not ready: %w", err), stop())
		}
		if strings.Contains("\n"+string(b[:n])+"\n", "\nREADY=1\n") {
			return &running{pid: cmd.Process.Pid, stop: stop, runtime: filepath.Dir(socket),
				status: func() (daemonStatus, error) { return statusOf(p, program, socket) }}, nil
		}
	}
}

// daemonStatus is what is asked of a daemon.
type daemonStatus struct {
	Flows   struct{ Live int }
	Offload struct{ Flows, Opening int }
}

// statusOf asks a daemon.
func statusOf(p *place, program, socket string) (s daemonStatus, err error) {
	out, err := p.fw.Command(program, "--socket", socket, "status", "-o", "json").Output()
	if err != nil {
		return s, fmt.Errorf("sgfw status: %w", err)
	}
	return s, json.Unmarshal(out, &s)
}
