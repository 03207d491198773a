package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
)

// ports are policies that differ in one port.
func onPort(port string) string { return strings.Replace(text, "443", port, 1) }

// allows asks whether a policy for that port is in force.
func (r *running) allows(t *testing.T, port string) bool {
	t.Helper()
	x, err := r.Explain(t.Context(),
		api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "203.0.113.9",
			To: ":" + port})
	must(t, err)
	return x.Verdict == api.VerdictAccept
}

func storeOf(cfg Config) *state.Store { return state.NewStore(cfg.StateDir, cfg.PolicyFile) }

func TestStartsWithWhatTheRecordSays(t *testing.T) {
	link(t, "eth0")
	now, err := state.Now()
	must(t, err)
	past := now
	past.Steady, past.Wall = past.Steady-time.Hour, past.Wall.Add(-time.Hour)
	policyOf := func(port string) source.Revision { return source.NewRevision([]byte(onPort(port))) }
	pending := func(port string, d state.Deadline) *state.Pending {
		return &state.Pending{Policy: policyOf(port), Deadline: d}
	}
	otherBoot := past.In(time.Minute)
	otherBoot.Boot = "another"
	// As a clock in the year 9999 writes it, which was set right before this boot.
	never := otherBoot
	never.Wall = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	ahead := now.In(time.Minute)
	ahead.Steady += 1281021 * time.Hour
	for _, tc := range []struct {
		what   string
		record *state.Record // of the file unless it says another one
		file   string        // the port in the file
		want   string        // the port in force
		// onTrial, rolledBack and differs are what status says.
		onTrial, rolledBack, differs bool
	}{
		{"nothing kept", nil, "1", "1", false, false, false},
		{"confirmed long ago", &state.Record{Confirmed: policyOf("2")}, "1", "1", false, false, false},
		{"unconfirmed", &state.Record{Confirmed: policyOf("2"), Pending: pending("1", now.In(time.Hour))},
			"1",
			"1", true, false, false},
		{"unconfirmed, file edited", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("3", now.In(time.Hour))}, "1", "3", true, false,
			true},
		{"time over", &state.Record{Confirmed: policyOf("2"),
			Pending: pending("1", past.In(time.Minute))},
			"1", "2", false, true, true},
		{"time over, another boot", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("1", otherBoot)}, "1", "2", false, true, true},
		{"time that never ends, another boot", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("1", never)}, "1", "2", false, true, true},
		{"more time than was asked for", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("1", ahead)}, "1", "2", false, true, true},
		{"time over, file edited", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("3", past.In(time.Minute))}, "1", "2", false, true,
			true},
		{"unconfirmed, does not load",
			&state.Record{Confirmed: policyOf("2"), Pending: pending("70000", now.In(time.Hour))}, "1", "2",
			false, true, true},
		{"rolled back", &state.Record{
			Confirmed: policyOf("2"), Rejected: &state.Rejected{Sum: policyOf("1").Sum}}, "1", "2", false,
			true, true},
		{"rolled back, file edited", &state.Record{
			Confirmed: policyOf("2"), Rejected: &state.Rejected{Sum: policyOf("3").Sum}}, "1", "1", false,
			false, false},
		{"of another file", &state.Record{
			File: "/another", Confirmed: policyOf("2"), Pending: pending("3", past.In(time.Minute))}, "1",
			"1",
			false, false, false},
		{"time over, file invalid", &state.Record{
			Confirmed: policyOf("2"), Pending: pending("1", past.In(time.Minute))}, "99999", "2", false,
			true,
			true},
	} {
		t.Run(tc.what, func(t *testing.T) {
			cfg, log := config(t, onPort(tc.file))
			if tc.record != nil {
				if tc.record.File == "" {
					tc.record.File = cfg.PolicyFile
				}
				must(t, storeOf(cfg).Save(*tc.record))
			}
			r := begin(t, cfg, log)
			for _, port := range []string{"1", "2", "3"} {
				if got := r.allows(t, port); got != (port == tc.want) {
					t.Errorf("port %s permitted: %t", port, got)
				}
			}
			s, err := r.Status(t.Context())
			must(t, err)
			p := s.Policy
			if (p.Pending != nil) != tc.onTrial || (p.RolledBack != nil) != tc.rolledBack ||
				p.FileDiffers != tc.differs {
				t.Errorf("status: pending %v, rolled back %v, differs %t", p.Pending, p.RolledBack,
					p.FileDiffers)
			}
			// What a crash would start with is the same.
			kept, err := storeOf(cfg).Load()
			must(t, err)
			if (kept != nil) != (tc.onTrial || tc.rolledBack) {
				t.Errorf("kept: %+v", kept)
			}
			if kept != nil && (kept.File != cfg.PolicyFile || (kept.Pending != nil) != tc.onTrial ||
				(kept.Rejected != nil) != tc.rolledBack) {
				t.Errorf("kept: %+v", kept)
			}
			if tc.onTrial {
				if _, err := r.Confirm(t.Context(), api.EndConfirmRequest{}); err != nil {
					t.Error(err)
				}
				if kept, err := storeOf(cfg).Load(); err != nil || kept != nil {
					t.Errorf("kept after confirm: %+v, %v", kept, err)
				}
			}
		})
	}
}

// A record that cannot be read does not keep the machine from being protected.
func TestStartsOverADamagedRecord(t *testing.T) {
	link(t, "eth0")
	cfg, log := config(t, text)
	must(t, os.Mkdir(cfg.StateDir, 0o700))
	must(t, os.WriteFile(storeOf(cfg).Path(), []byte("{"), 0o600))
	r := begin(t, cfg, log)
	if !r.allows(t, "443") || !strings.Contains(log.String(), "cannot be used") {
		t.Errorf("log: %s", log)
	}
	if kept, err := storeOf(cfg).Load(); err != nil || kept != nil {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

// Without a place that outlives the daemon there is no confirmation, and nothing else
// suffers.
func TestNoConfirmationWithoutAPlaceToKeepIt(t *testing.T) {
	link(t, "eth0")
	cfg, log := config(t, onPort("1"))
	// A file where the directory should be.
	must(t, os.WriteFile(cfg.StateDir, nil, 0o600))
	r := begin(t, cfg, log)
	if n := strings.Count(log.String(), "the state directory cannot be used"); n != 1 {
		t.Errorf("the log says %d times that the state directory cannot be used: %s", n, log)
	}
	write(t, r.file, onPort("2"))
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 60}); err == nil ||
		!strings.Contains(err.Error(), "outlives the daemon: state: ") ||
		!strings.Contains(err.Error(), "not a directory") || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("a roll-back that a crash would lose, or no reason: %v", err)
	}
	if r.allows(t, "2") {
		t.Error("the policy is in force although its confirmation was refused")
	}
	reply, err := r.Reload(t.Context(), api.ReloadRequest{})
	if err != nil || reply.Generation != 2 || !r.allows(t, "2") {
		t.Errorf("reload: %+v, %v", reply, err)
	}
	if s, err := r.Status(t.Context()); err != nil || s.State != api.StateRunning ||
		s.Policy.Pending != nil {
		t.Errorf("status %+v, %v", s, err)
	}

	// A confirmation that cannot be written down is none.
	must(t, os.Remove(cfg.StateDir))
	write(t, r.file, onPort("3"))
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 60}); err != nil {
		t.Fatal(err)
	}
	record := storeOf(cfg).Path()
	must(t, os.Rename(record, record+".old"))
	must(t, os.MkdirAll(filepath.Join(record, "in the way"), 0o700))
	if _, err := r.Confirm(t.Context(), api.EndConfirmRequest{}); err == nil {
		t.Error("confirmed what a restart would roll back")
	}
	if s, err := r.Status(t.Context()); err != nil || s.State != api.StateDegraded ||
		s.Policy.Pending == nil {
		t.Errorf("status %+v, %v", s, err)
	}
	must(t, os.RemoveAll(record))
	r.await(t, "the record to be kept", func(s api.Status) bool { return s.State == api.StateRunning })
	if kept, err := storeOf(cfg).Load(); err != nil || kept == nil || kept.Pending == nil {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	if _, err := r.Confirm(t.Context(), api.EndConfirmRequest{}); err != nil {
		t.Error(err)
	}
}

// TestRollBackIgnoresTheGuard: the way back is never barred.
func TestRollBackIgnoresTheGuard(t *testing.T) {
	address(t, link(t, "eth0"), "192.0.2.1/24")
	const caller = "198.51.100.9 50000 192.0.2.1 22"
	r := start(t, onPort("1"))
	write(t, r.file, onPort("22"))
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 1, Caller: caller}); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the roll-back", func(s api.Status) bool { return s.Policy.RolledBack != nil })
	if !r.allows(t, "1") || r.allows(t, "22") {
		t.Error("not rolled back")
	}
	// The same at a start.
	r.stop(t)
	t.Setenv("SSH_CONNECTION", caller)
	if ssh.Caller() != caller {
		t.Fatal("the guard knows nothing of the session")
	}
	cfg := r.d.cfg
	r = begin(t, cfg, r.log)
	if !r.allows(t, "1") {
		t.Error("did not start with the confirmed policy")
	}
}

// TestRollBackWaitsForNoDisk: neither a file that cannot be read to its end nor
// somebody who asks for the status meanwhile keeps the deadline from passing.
func TestRollBackWaitsForNoDisk(t *testing.T) {
	link(t, "eth0")
	r := start(t, onPort("1"))
	write(t, r.file, onPort("2"))
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 1}); err != nil {
		t.Fatal(err)
	}
	must(t, os.Remove(r.file))
	must(t, syscall.Mkfifo(r.file, 0o600))
	reloaded := make(chan error, 1)
	go func() {
		_, err := r.Reload(t.Context(), api.ReloadRequest{})
		reloaded <- err
	}()
	if s, err := r.Status(t.Context()); err != nil || s.Policy.FileUnread == "" {
		t.Errorf("status without the file: %+v, %v", s.Policy, err)
	}
	if err := <-reloaded; err == nil || !strings.Contains(err.Error(), "is a pipe") {
		t.Errorf("reloaded from a pipe: %v", err)
	}
	for end := time.Now().Add(20 * time.Second); !r.allows(t, "1"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not rolled back")
		}
	}
}

// The end of the wait is a reload that went well or a failure that says why.
func TestConfirmAndRollBackNeedSomethingToConfirm(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	for _, end := range []func() error{
		func() error { _, err := r.Confirm(t.Context(), api.EndConfirmRequest{}); return err },
		func() error { _, err := r.Rollback(t.Context(), api.EndConfirmRequest{}); return err },
	} {
		if f := failureOf(t, end()); f.Kind != api.KindFailed ||
			!strings.Contains(f.Message, "waits to be confirmed") {
			t.Errorf("%+v", f)
		}
	}
	for _, req := range []api.ReloadRequest{
		{Confirm: -1}, {Confirm: api.MaxConfirm + 1}, {Confirm: 5, Revoke: true}} {
		_, err := r.Reload(t.Context(), req)
		if f := failureOf(t, err); f.Kind != api.KindUsage {
			t.Errorf("%+v: %+v", req, f)
		}
	}
	// A reload of the policy that is confirmed already has nothing to go back to.
	write(t, r.file, onPort("1"))
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Confirm: 60}); err != nil {
		t.Fatal(err)
	}
	write(t, r.file, text)
	reply, err := r.Reload(t.Context(), api.ReloadRequest{})
	if err != nil || reply.Pending != nil {
		t.Errorf("back to the confirmed file: %+v, %v", reply, err)
	}
}
