package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/florianl/go-nfqueue/v2"

	"sgfw/test/netlab"
)

// goNFQueueCommand makes this program run the accept-all firewall on go-nfqueue.
const goNFQueueCommand = "serve-go-nfqueue"

// serveGoNFQueue accepts everything until it is killed. The code is that of the library's
// documentation.
func serveGoNFQueue() error {
	nf, err := nfqueue.Open(&nfqueue.Config{
		NfQueue: 0, MaxPacketLen: 0xffff, MaxQueueLen: 0xff,
		Copymode: nfqueue.NfQnlCopyPacket, WriteTimeout: 15 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	defer nf.Close()
	ctx := context.Background()
	err = nf.RegisterWithErrorFunc(ctx, func(a nfqueue.Attribute) int {
		nf.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	}, func(err error) int { return 0 })
	if err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

func goNFQueue() firewall {
	return firewall{name: nameGoNFQueue, start: func(ctx context.Context, p *place) (*running, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		r, err := launch(ctx, p, self, goNFQueueCommand)
		if err != nil {
			return nil, err
		}
		return r, queueAll(p)
	}}
}

// acceptSource is compiled where a C compiler and the library are installed. On Debian the
// library is in libnetfilter-queue-dev.
//
//go:embed reference/accept.c
var acceptSource []byte

func libnetfilterQueue(dir string) firewall {
	return programInC(dir, nameLibnetfilterQueue, acceptSource, "-lnetfilter_queue")
}

// rawSource is compiled where a C compiler is installed.
//
//go:embed reference/raw.c
var rawSource []byte

func rawNetlink(dir string) firewall { return programInC(dir, nameRawNetlink, rawSource) }

// programInC is a firewall in C that serves queue number 0.
func programInC(dir, name string, source []byte, libraries ...string) firewall {
	f := firewall{name: name}
	program := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
	cc := exec.Command("cc", append([]string{"-O2", "-x", "c", "-o", program, "-"}, libraries...)...)
	cc.Stdin = bytes.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(string(out), "\n")
		f.absent = strings.TrimSpace(fmt.Sprintf("not built: %v %s", err, first))
		return f
	}
	f.start = func(ctx context.Context, p *place) (*running, error) {
		r, err := launch(ctx, p, program)
		if err != nil {
			return nil, err
		}
		return r, queueAll(p)
	}
	return f
}

// suricata accepts everything in NFQ mode: it has no rules.
func suricata(dir string) firewall {
	f := firewall{name: nameSuricata}
	program, err := exec.LookPath("suricata")
	if err != nil {
		f.absent = "not installed"
		return f
	}
	rules := filepath.Join(dir, "no.rules")
	f.start = func(ctx context.Context, p *place) (*running, error) {
		if err := os.WriteFile(rules, nil, 0o600); err != nil {
			return nil, err
		}
		cmd := p.fw.CommandContext(ctx, program, "-q", "0", "-S", rules, "-l", dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		r := &running{pid: cmd.Process.Pid, stop: func() error { return kill(cmd) }}
		if err := awaitQueue(p.fw); err != nil {
			return nil, errors.Join(err, r.stop())
		}
		return r, queueAll(p)
	}
	return f
}

// awaitQueue waits until a program has bound a queue.
func awaitQueue(h *netlab.Host) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		b, err := h.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		if err == nil && len(bytes.TrimSpace(b)) > 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(errors.New("no queue was bound within 30 s"), err)
		}
	}
}

// openSnitch allows everything: it has no rules. It judges the first packet of each
// connection that a process of its own machine opens, and leaves the others to the kernel's
// connection tracking. So it runs on the client, and an open connection costs nothing.
// One-way datagrams are new to the kernel each time.
func openSnitch(dir string) firewall {
	f := firewall{name: nameOpenSnitch}
	program, err := exec.LookPath("opensnitchd")
	if err != nil {
		f.absent = "not installed"
		return f
	}
	f.start = func(ctx context.Context, p *place) (*running, error) {
		client := p.ends.client
		cmd := client.CommandContext(ctx, program, "-queue-num", "0", "-rules-path", dir,
			"-process-monitor-method", "proc", "-log-file", filepath.Join(dir, "opensnitch.log"))
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		r := &running{pid: cmd.Process.Pid, stop: func() error { return kill(cmd) }}
		if err := awaitQueue(client); err != nil {
			return nil, errors.Join(err, r.stop())
		}
		// It would install rules with iptables; these do the same.
		at := *p
		at.fw, at.pos = client, host
		return r, queueNew(&at)
	}
	return f
}
