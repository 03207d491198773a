package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/sshguard"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy"
)

// inNamespace marks the process that runs the tests in a network namespace of
// its own. A daemon works with all threads of its process, so a locked thread
// would not do.
const inNamespace = "SGFW_TEST_IN_NAMESPACE"

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(inNamespace) != "" {
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), inNamespace+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(e.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// link makes a device of the namespace, up, without addresses.
func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("SGFW_REQUIRE_ROOT") == "1" {
			t.Fatal("needs root: real packets")
		}
		t.Skip("needs root: real packets")
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "p-" + name}))
	l, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.LinkSetUp(l))
	t.Cleanup(func() {
		if err := netlink.LinkDel(l); err != nil {
			t.Error(err)
		}
	})
	return l
}

func address(t *testing.T, l netlink.Link, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	must(t, err)
	a.Flags = unix.IFA_F_NODAD
	must(t, netlink.AddrAdd(l, a))
}

// text is a policy whose own group is a peer, so that addresses matter.
const text = `version: 1
security_groups:
  - name: web
    description: web
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 7000, self: true }
    egress: []
interfaces:
  - { device: eth0, security_groups: [web] }
`

// running is a daemon under test.
type running struct {
	*control.Client
	d      *daemon
	file   string
	reload chan struct{}
	log    *lockedBuffer
	cancel func()
	ended  chan error
}

// lockedBuffer is written by the daemon while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// config is a daemon of its own directory.
func config(t *testing.T, text string) (Config, *lockedBuffer) {
	t.Helper()
	t.Setenv("SSH_CONNECTION", "0 0 0 0") // the session of whoever runs the tests is not ours
	dir := t.TempDir()
	log := &lockedBuffer{}
	cfg := Config{
		PolicyFile: filepath.Join(dir, "p.yaml"), Socket: filepath.Join(dir, "sgfw.sock"),
		Version: "test", Log: slog.New(slog.NewTextHandler(log, nil)), Reload: make(chan struct{}),
	}
	write(t, cfg.PolicyFile, text)
	return cfg, log
}

// start runs a daemon until it enforces.
func start(t *testing.T, text string) *running {
	t.Helper()
	cfg, log := config(t, text)
	return begin(t, cfg, log)
}

func begin(t *testing.T, cfg Config, log *lockedBuffer) *running {
	t.Helper()
	r := &running{Client: control.NewClient(cfg.Socket), file: cfg.PolicyFile, log: log, ended: make(chan error, 1), reload: make(chan struct{})}
	cfg.Reload = r.reload
	r.d = newDaemon(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.d.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(10 * time.Second):
			t.Error("the daemon does not stop")
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	r.await(t, "the daemon to answer", func(control.Status) bool { return true })
	return r
}

// await polls the status.
func (r *running) await(t *testing.T, what string, ok func(control.Status) bool) control.Status {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		s, err := r.Status(t.Context())
		if err == nil && ok(s) {
			return s
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			t.Fatalf("waiting for %s: the daemon ended: %v\n%s", what, err, r.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %+v, %v", what, s, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stop ends the daemon in order.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		r.ended <- nil
		if err != nil {
			t.Fatalf("run = %v, want nil after an ordered stop", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the daemon does not stop")
	}
}

// tables names all nftables tables of the namespace.
func tables(t *testing.T) []string {
	t.Helper()
	list, err := (&nftables.Conn{}).ListTables()
	must(t, err)
	var out []string
	for _, table := range list {
		out = append(out, table.Name)
	}
	return out
}

func TestStartAndOrderedStop(t *testing.T) {
	address(t, link(t, "eth0"), "192.0.2.1/24")
	r := start(t, text)
	s, err := r.Status(t.Context())
	must(t, err)
	if s.State != control.StateRunning || s.PID != os.Getpid() || s.Version != "test" || s.Policy.Generation != 1 || s.Policy.Rules != 2 {
		t.Errorf("status %+v", s)
	}
	if len(s.Interfaces) != 1 || len(s.Interfaces[0].Covered) != 1 || !slices.Equal(s.Interfaces[0].Covered[0].Addresses, []string{"192.0.2.1"}) {
		t.Errorf("interfaces %+v", s.Interfaces)
	}
	if len(s.Queues) == 0 || s.Queues[0].Number != policy.DefaultSettings.QueueBase {
		t.Errorf("queues %+v", s.Queues)
	}
	if got := tables(t); !slices.Equal(got, []string{nft.TableName}) {
		t.Errorf("tables %v while running", got)
	}
	r.stop(t)
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after the stop, want none", got)
	}
	if queues, err := nfqueue.ReadKernelQueues(); err != nil || len(queues) > 0 {
		t.Errorf("queues %v, %v after the stop, want none", queues, err)
	}
	if _, err := r.Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("status after the stop: %v, want ErrNoDaemon", err)
	}
}

func TestOnStopKeepLeavesTheTableClosed(t *testing.T) {
	link(t, "eth0")
	for _, gone := range []string{"drop", "accept"} {
		r := start(t, text+"settings: { on_stop: keep, on_failure: { gone: "+gone+" } }\n")
		r.stop(t)
		if got := tables(t); !slices.Equal(got, []string{nft.TableName}) {
			t.Errorf("gone: %s: tables %v, want ours", gone, got)
		}
		removed, err := nft.Cleanup()
		if err != nil || len(removed) != 1 {
			t.Errorf("Cleanup = %v, %v", removed, err)
		}
		if got := tables(t); len(got) > 0 {
			t.Errorf("tables %v after Cleanup", got)
		}
	}
}

func TestASecondDaemonIsRefused(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	cfg, _ := config(t, text)
	same := cfg
	same.Socket = r.d.cfg.Socket
	if err := Run(t.Context(), same); !errors.Is(err, control.ErrRunning) || !strings.Contains(err.Error(), fmt.Sprint("PID ", os.Getpid())) {
		t.Errorf("same socket: %v, want ErrRunning with the PID", err)
	}
	if err := Run(t.Context(), cfg); !errors.Is(err, nft.ErrOwned) && !errors.Is(err, nfqueue.ErrOwned) {
		t.Errorf("other socket: %v, want ErrOwned", err)
	}
	if _, err := os.Stat(cfg.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the refused daemon left its socket: %v", err)
	}
	if s, err := r.Status(t.Context()); err != nil || s.State != control.StateRunning {
		t.Errorf("the first daemon is %v, %v", s.State, err)
	}
	must(t, r.d.table.Verify())
}

func failureOf(t *testing.T, err error) *control.Failure {
	t.Helper()
	f, ok := errors.AsType[*control.Failure](err)
	if !ok {
		t.Fatalf("error %v is no Failure", err)
	}
	return f
}

func TestReload(t *testing.T) {
	link(t, "eth0")
	link(t, "eth1")
	r := start(t, text)
	reload := func(text string) (control.ReloadReply, error) {
		write(t, r.file, text)
		return r.Reload(t.Context(), control.ReloadRequest{})
	}

	_, err := reload(strings.Replace(text, "443", "70000", 1))
	if f := failureOf(t, err); f.Kind != control.KindInvalid || len(f.Problems) != 1 || f.Problems[0].Line != 6 {
		t.Errorf("invalid policy: %+v", f)
	}
	if s, _ := r.Status(t.Context()); s.Policy.Generation != 1 {
		t.Errorf("generation %d after an invalid policy, want 1", s.Policy.Generation)
	}

	reply, err := reload(strings.Replace(text, "443", "80", 1))
	must(t, err)
	if reply.Generation <= 1 || len(reply.Notices) > 0 {
		t.Errorf("reply %+v", reply)
	}
	x, err := r.Explain(t.Context(), control.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: ":80"})
	if err != nil || x.Verdict != control.VerdictAccept || !x.FlowsKnown {
		t.Errorf("port 80: %+v, %v", x, err)
	}

	// Another device: the table follows.
	_, err = reload(strings.Replace(text, "eth0", "eth1", 1))
	must(t, err)
	must(t, r.d.table.Verify())
	if want := []nft.Device{{Name: "eth1"}}; !slices.Equal(r.d.plan.Devices, want) {
		t.Errorf("plan %+v, want %v", r.d.plan, want)
	}

	// What cannot change says so and nothing else changes.
	reply, err = reload(text + "settings: { max_flows: 1000, queues: { base: 5000, count: 1 } }\n")
	must(t, err)
	var keys []string
	for _, n := range reply.Notices {
		keys = append(keys, n.Field)
	}
	if want := []string{"queues.base", "queues.count", "max_flows"}; !slices.Equal(keys, want) && !slices.Equal(keys, []string{"queues.base", "max_flows"}) {
		t.Errorf("notices about %v, want %v", keys, want)
	}
	if s, _ := r.Status(t.Context()); s.Flows.Max != policy.DefaultSettings.MaxFlows || s.Queues[0].Number != policy.DefaultSettings.QueueBase {
		t.Errorf("status %+v", s)
	}

	// The answer to a dead daemon changes with the table's flags.
	_, err = reload(text + "settings: { on_failure: { gone: accept } }\n")
	must(t, err)
	if r.d.table.Facts().Persist {
		t.Error("the table would outlive the daemon after gone: accept")
	}
}

func TestReloadBySignal(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	write(t, r.file, strings.Replace(text, "443", "80", 1))
	r.reload <- struct{}{}
	r.await(t, "a new generation", func(s control.Status) bool { return s.Policy.Generation > 1 })
	write(t, r.file, "version: 7\n")
	r.reload <- struct{}{}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(r.log.String(), "reload refused") {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not tell of the refusal: %s", r.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestFactsAreFollowed(t *testing.T) {
	eth0 := link(t, "eth0")
	r := start(t, text+"  - { device: late*, security_groups: [web] }\n")
	if !strings.Contains(r.log.String(), "no device late* exists now") {
		t.Errorf("the log does not tell that late* is missing: %s", r.log)
	}
	address(t, eth0, "192.0.2.1/24")
	r.await(t, "the new member", func(s control.Status) bool { return s.Policy.Generation > 1 })
	// The group's own members may use port 7000.
	x, err := r.Explain(t.Context(), control.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "192.0.2.1", To: ":7000"})
	if err != nil || x.Verdict != control.VerdictAccept {
		t.Errorf("a member: %+v, %v", x, err)
	}
	x, err = r.Explain(t.Context(), control.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "192.0.2.9", To: ":7000"})
	if err != nil || x.Verdict != control.VerdictDrop {
		t.Errorf("a stranger: %+v, %v", x, err)
	}
	link(t, "late0")
	s := r.await(t, "late0 covered", func(s control.Status) bool { return len(s.Interfaces[1].Covered) == 1 })
	if s.Interfaces[1].Covered[0].Name != "late0" {
		t.Errorf("covered %+v", s.Interfaces[1])
	}
}

func TestABridgePortIsNamedWithItsMaster(t *testing.T) {
	eth0 := link(t, "eth0")
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
	br, err := netlink.LinkByName("br0")
	must(t, err)
	defer func() { must(t, netlink.LinkDel(br)) }()

	r := start(t, text)
	must(t, netlink.LinkSetMaster(eth0, br))
	s := r.await(t, "state degraded", func(s control.Status) bool { return s.State == control.StateDegraded })
	if len(s.Degraded) != 1 || !strings.Contains(s.Degraded[0], "eth0 belongs to br0 (bridge)") {
		t.Errorf("degraded %q", s.Degraded)
	}
	_, err = r.Reload(t.Context(), control.ReloadRequest{})
	if f := failureOf(t, err); f.Kind != control.KindInvalid || !strings.Contains(f.Message, "manage that instead") {
		t.Errorf("reload: %+v", f)
	}
	must(t, netlink.LinkSetNoMaster(eth0))
	r.await(t, "state running", func(s control.Status) bool { return s.State == control.StateRunning })
	r.stop(t)

	must(t, netlink.LinkSetMaster(eth0, br))
	cfg, _ := config(t, text)
	if err := Run(t.Context(), cfg); !errors.Is(err, ErrEnslaved) {
		t.Errorf("start on a bridge port: %v, want ErrEnslaved", err)
	}
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after the refusal", got)
	}
}

func TestTheGuardRefuses(t *testing.T) {
	address(t, link(t, "eth0"), "192.0.2.1/24")
	const caller = "198.51.100.9 50000 192.0.2.1 22"
	cfg, log := config(t, text)
	t.Setenv("SSH_CONNECTION", caller)
	if err := Run(t.Context(), cfg); !errors.Is(err, sshguard.ErrLockout) || !strings.Contains(err.Error(), "198.51.100.9") {
		t.Fatalf("run = %v, want ErrLockout", err)
	}
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after the refusal", got)
	}
	cfg.Force = true
	r := begin(t, cfg, log)
	if !strings.Contains(log.String(), "although the SSH guard objects") {
		t.Errorf("the log does not tell of the override: %s", log)
	}
	_, err := r.Reload(t.Context(), control.ReloadRequest{Caller: caller})
	if f := failureOf(t, err); f.Kind != control.KindRefused || !strings.Contains(f.Message, "198.51.100.9") {
		t.Errorf("reload: %+v", f)
	}
	// Whoever started the daemon may have left long ago.
	if _, err := r.Reload(t.Context(), control.ReloadRequest{}); err != nil {
		t.Errorf("reload of somebody else: %v", err)
	}
	if _, err := r.Reload(t.Context(), control.ReloadRequest{Caller: caller, Force: true}); err != nil {
		t.Errorf("forced reload: %v", err)
	}
	write(t, r.file, strings.Replace(text, "443", "22", 1))
	if _, err := r.Reload(t.Context(), control.ReloadRequest{Caller: caller}); err != nil {
		t.Errorf("a policy that permits the session: %v", err)
	}
}

func TestADamagedTableIsRepaired(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	must(t, r.d.table.Remove())
	r.d.tableChanged(nft.Change{Err: nft.ErrMissing, PID: 1, Process: "other"})
	must(t, r.d.table.Verify())
	if s, err := r.Status(t.Context()); err != nil || s.Table.Repaired != 1 || s.State != control.StateRunning {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestTheServiceManagerHears(t *testing.T) {
	link(t, "eth0")
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	r := start(t, text)
	_, err = r.Reload(t.Context(), control.ReloadRequest{})
	must(t, err)
	r.stop(t)
	var got []string
	must(t, l.SetReadDeadline(time.Now().Add(10*time.Second)))
	for buf := make([]byte, 4096); len(got) == 0 || got[len(got)-1] != "STOPPING=1"; {
		n, err := l.Read(buf)
		must(t, err)
		first, rest, _ := strings.Cut(string(buf[:n]), "\n")
		if first == "READY=1" && !strings.Contains(rest, "STATUS=enforcing ") {
			t.Errorf("ready with %q", rest)
		}
		if len(got) == 0 || got[len(got)-1] != first {
			got = append(got, first)
		}
	}
	if want := []string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}; !slices.Equal(got, want) {
		t.Errorf("notifications %q, want %q", got, want)
	}
}

// A queue that another program takes away ends the run: what the policy says
// of a dead daemon holds, and the service manager starts it anew.
func TestALostQueueEndsTheRun(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	r.d.fail(errors.New("queue 4270: gone"))
	select {
	case err := <-r.ended:
		r.ended <- nil
		if err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("run = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the daemon goes on")
	}
	if got := tables(t); !slices.Equal(got, []string{nft.TableName}) {
		t.Errorf("tables %v, want ours, closed (gone: drop)", got)
	}
	_, err := nft.Cleanup()
	must(t, err)
}

func TestAFailedRepairIsTriedAgain(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	must(t, r.d.table.Remove())
	r.d.mu.Lock()
	r.d.broken = "the table is missing"
	r.d.mu.Unlock()
	if s, err := r.Status(t.Context()); err != nil || s.State != control.StateDegraded {
		t.Errorf("state %v, %v with a broken table, want degraded", s.State, err)
	}
	r.await(t, "the repair", func(s control.Status) bool { return s.State == control.StateRunning && s.Table.Repaired == 1 })
	must(t, r.d.table.Verify())
}
