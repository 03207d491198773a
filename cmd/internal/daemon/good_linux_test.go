package daemon

import (
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/enforce"
	"sgfw/cmd/internal/source"
)

// TestLastGoodPolicyIsConfirmed: what a start falls back to was in force for good, and
// never only on trial.
func TestLastGoodPolicyIsConfirmed(t *testing.T) {
	link(t, "eth0")
	r := start(t, onPort("1"))
	good := func(when, port string) {
		t.Helper()
		g, err := storeOf(r.d.cfg).LoadGood(r.file)
		if err != nil || g == nil || !g.Policy.Same(source.NewRevision([]byte(onPort(port)))) {
			t.Errorf("%s: %+v, %v, want port %s", when, g, err, port)
		}
	}
	good("started", "1")
	write(t, r.file, onPort("2"))
	_, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 60})
	must(t, err)
	good("to be confirmed", "1")
	_, err = r.Rollback(t.Context(), api.EndConfirmRequest{})
	must(t, err)
	good("rolled back", "1")
	_, err = r.Reload(t.Context(), api.ReloadRequest{Confirm: 60})
	must(t, err)
	_, err = r.Confirm(t.Context(), api.EndConfirmRequest{})
	must(t, err)
	good("confirmed", "2")
	write(t, r.file, onPort("3"))
	_, err = r.Reload(t.Context(), api.ReloadRequest{})
	must(t, err)
	good("reloaded", "3")
	write(t, r.file, onPort("70000"))
	if _, err = r.Reload(t.Context(), api.ReloadRequest{}); err == nil {
		t.Error("reloaded a broken policy")
	}
	good("refused", "3")
}

// TestClosedPolicyIsNeverGood: what closes the machine is not what a start goes on with,
// also after a trial that was rolled back to it.
func TestClosedPolicyIsNeverGood(t *testing.T) {
	link(t, "eth0")
	cfg, log := config(t, strings.Replace(text, "443", "70000", 1))
	r := begin(t, cfg, log)
	none := func(when string) {
		t.Helper()
		if g, err := storeOf(cfg).LoadGood(r.file); g != nil || err != nil {
			t.Errorf("%s: %+v, %v", when, g, err)
		}
	}
	none("closed")
	// Not by way of the file, which the daemon watches.
	_, err := r.d.enforcer.Apply(enforce.Change{By: enforce.ByCommand, Confirm: time.Minute,
		Revision: source.NewRevision([]byte(text))})
	must(t, err)
	none("to be confirmed")
	_, err = r.Rollback(t.Context(), api.EndConfirmRequest{})
	must(t, err)
	none("rolled back")
	if r.allows(t, "443") {
		t.Error("rolled back to an open machine")
	}
}
