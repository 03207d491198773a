package enforce

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/source"
	"sgfw/filter/nft"
	"sgfw/policy"
	"sgfw/test/netlab/labtest"
)

func TestMain(m *testing.M) { labtest.MainInNamespace(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const policyText = `version: 1
security_groups:
  - name: web
    description: web
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [web] }
`

// started is an enforcer of policyText for eth0, with an eth1 beside it.
func started(t *testing.T) *Enforcer {
	t.Helper()
	labtest.RequireRoot(t)
	for _, name := range []string{"eth0", "eth1"} {
		l := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "p-" + name}
		must(t, netlink.LinkAdd(l))
		t.Cleanup(func() { must(t, netlink.LinkDel(l)) })
	}
	watcher, err := links.Open()
	must(t, err)
	e := New(Config{
		File: source.NewFile("policy.yaml"), Links: watcher, Log: slog.New(slog.DiscardHandler),
		Events: Events{
			Changing: func() {}, Changed: func() {}, Health: func() {}, Settings: func() {},
			Failed: func(err error) { t.Error(err) },
		},
	})
	t.Cleanup(func() {
		e.Release()
		watcher.Close()
		_, err := nft.Cleanup()
		must(t, err)
	})
	must(t, e.Load(Change{Revision: source.NewRevision([]byte(policyText))}, nil, nil))
	must(t, e.Start("0 0 0 0"))
	return e
}

func (e *Enforcer) repairs() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.rules.repaired
}

func TestADamagedTableIsRepaired(t *testing.T) {
	e := started(t)
	must(t, e.table.Remove())
	e.tableChanged(nft.Change{Err: nft.ErrMissing, PID: 1, Process: "other"})
	must(t, e.Verify())
	if n, out := e.repairs(), e.Degraded(); n != 1 || len(out) > 0 {
		t.Errorf("%d repairs, degraded %q", n, out)
	}
}

func TestAChangeThatCannotBeUndoneDegrades(t *testing.T) {
	e := started(t)
	must(t, e.table.Close()) // no request succeeds any more
	next := source.NewRevision([]byte(strings.Replace(policyText, "eth0", "eth1", 1)))
	if _, err := e.Apply(Change{By: ByCommand, Revision: next, Caller: "0 0 0 0"}); err == nil {
		t.Fatal("the change succeeded")
	}
	if len(e.Degraded()) == 0 {
		t.Error("nothing is degraded, so nothing is repaired")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if name := e.mu.force.current.policy.Interfaces[0].Device; name != "eth0" {
		t.Errorf("the policy of %s is in force, want that of eth0", name)
	}
}

func TestAFailedRepairIsTriedAgain(t *testing.T) {
	e := started(t)
	must(t, e.table.Remove())
	e.mu.Lock()
	e.mu.rules.broken = "the table is missing"
	e.mu.Unlock()
	if len(e.Degraded()) == 0 {
		t.Error("a broken table does not degrade")
	}
	go e.RepairTable(t.Context())
	for deadline := time.Now().Add(10 * time.Second); len(e.Degraded()) > 0; time.Sleep(
		time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the table is not repaired: %q", e.Degraded())
		}
	}
	must(t, e.Verify())
	if n := e.repairs(); n != 1 {
		t.Errorf("%d repairs, want 1", n)
	}
}

// What others did is remembered once for each kind, and not for ever.
func TestInterferenceIsBounded(t *testing.T) {
	var l interferences
	for i := range 3 * mostInterferences {
		l.note(api.Interference{What: fmt.Sprint("what ", i), PID: i, Process: "other"})
		l.note(api.Interference{What: "the same", PID: i, Process: "other"})
	}
	if len(l) != mostInterferences {
		t.Fatalf("%d entries, want %d", len(l), mostInterferences)
	}
	if first := l[0]; first.What != "the same" || first.Count != 3*mostInterferences ||
		first.PID != 3*mostInterferences-1 {
		t.Errorf("the latest: %+v", first)
	}
}

// TestFailsafesOfThePlan: what the policy switches off is off in the table, and nothing
// else is.
func TestFailsafesOfThePlan(t *testing.T) {
	e := &Enforcer{}
	for _, f := range policy.Failsafes() {
		p := &policy.Policy{}
		p.Settings.CutFailsafes = p.Settings.CutFailsafes.With(f)
		if got := e.tablePlan(p, links.Snapshot{}).Without; got != p.Settings.CutFailsafes {
			t.Errorf("without %s: the plan is without %v", f, got)
		}
	}
}
