package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/filter/nfqueue"
	"sgfw/filter/nft"
	"sgfw/policy"
)

func TestStartAndOrderedStop(t *testing.T) {
	address(t, link(t, "eth0"), "192.0.2.1/24")
	r := start(t, text)
	s, err := r.Status(t.Context())
	must(t, err)
	if s.State != api.StateRunning || s.PID != os.Getpid() || s.Version != "test" ||
		s.Policy.Generation != 1 || s.Policy.Rules != 2 {
		t.Errorf("status %+v", s)
	}
	if s.Policy.Datapath != string(policy.DatapathUserspace) {
		t.Errorf("datapath %q", s.Policy.Datapath)
	}
	if len(s.Interfaces) != 1 || len(s.Interfaces[0].Covered) != 1 ||
		!slices.Equal(s.Interfaces[0].Covered[0].Addresses, []string{"192.0.2.1"}) {
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
	if err := Run(t.Context(), same); !errors.Is(err, control.ErrRunning) ||
		!strings.Contains(err.Error(), fmt.Sprint("PID ", os.Getpid())) {
		t.Errorf("same socket: %v, want ErrRunning with the PID", err)
	}
	if err := Run(t.Context(), cfg); !errors.Is(err, nft.ErrOwned) &&
		!errors.Is(err, nfqueue.ErrOwned) {
		t.Errorf("other socket: %v, want ErrOwned", err)
	}
	if _, err := os.Stat(cfg.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the refused daemon left its socket: %v", err)
	}
	if s, err := r.Status(t.Context()); err != nil || s.State != api.StateRunning {
		t.Errorf("the first daemon is %v, %v", s.State, err)
	}
	must(t, r.d.enforcer.Verify())
}

func TestABridgePortIsNamedWithItsMaster(t *testing.T) {
	eth0 := link(t, "eth0")
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
	br, err := netlink.LinkByName("br0")
	must(t, err)
	defer func() { must(t, netlink.LinkDel(br)) }()

	r := start(t, text)
	must(t, netlink.LinkSetMaster(eth0, br))
	s := r.await(t, "state degraded", func(s api.Status) bool { return s.State == api.StateDegraded })
	if len(s.Degraded) != 1 || !strings.Contains(s.Degraded[0], "eth0 belongs to br0 (bridge)") {
		t.Errorf("degraded %q", s.Degraded)
	}
	_, err = r.Reload(t.Context(), api.ReloadRequest{})
	if f := failureOf(t, err); f.Kind != api.KindInvalid ||
		!strings.Contains(f.Message, "name br0 instead") {
		t.Errorf("reload: %+v", f)
	}
	must(t, netlink.LinkSetNoMaster(eth0))
	r.await(t, "state running", func(s api.Status) bool { return s.State == api.StateRunning })
	r.stop(t)

	must(t, netlink.LinkSetMaster(eth0, br))
	r = start(t, text)
	s = r.await(t, "state degraded", func(s api.Status) bool { return s.State == api.StateDegraded })
	if len(s.Degraded) != 1 || !strings.Contains(s.Degraded[0], "eth0 belongs to br0 (bridge)") {
		t.Errorf("started on a bridge port: degraded %q", s.Degraded)
	}
	r.stop(t)
}

func TestTheServiceManagerHears(t *testing.T) {
	link(t, "eth0")
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	r := start(t, text)
	_, err = r.Reload(t.Context(), api.ReloadRequest{})
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
