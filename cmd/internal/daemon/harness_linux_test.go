package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/conntrack"
	"sgfw/test/netlab/labtest"
)

func TestMain(m *testing.M) { labtest.MainInNamespace(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// link makes a device of the namespace, up, without addresses.
func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	labtest.RequireRoot(t)
	must(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "p-" + name}))
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
		SocketGroup: control.NoGroup, StateDir: filepath.Join(dir, "state"),
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
	return beginAt(t, cfg, log, nil)
}

// beginAt is begin of a daemon whose flows live by a clock of the test.
func beginAt(t *testing.T, cfg Config, log *lockedBuffer, clock func() conntrack.Time) *running {
	t.Helper()
	r := &running{Client: control.NewClient(cfg.Socket), file: cfg.PolicyFile, log: log,
		ended: make(chan error, 1), reload: make(chan struct{})}
	cfg.Reload = r.reload
	r.d = newDaemon(cfg)
	r.d.clock = clock
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
	r.await(t, "the daemon to answer", func(api.Status) bool { return true })
	return r
}

// await polls the status.
func (r *running) await(t *testing.T, what string, ok func(api.Status) bool) api.Status {
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
