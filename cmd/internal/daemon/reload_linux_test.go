package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/policy"
)

func failureOf(t *testing.T, err error) *api.Failure {
	t.Helper()
	f, ok := errors.AsType[*api.Failure](err)
	if !ok {
		t.Fatalf("error %v is no Failure", err)
	}
	return f
}

func TestReload(t *testing.T) {
	link(t, "eth0")
	link(t, "eth1")
	r := start(t, text)
	reload := func(text string) (api.ReloadReply, error) {
		write(t, r.file, text)
		return r.Reload(t.Context(), api.ReloadRequest{})
	}

	_, err := reload(strings.Replace(text, "443", "70000", 1))
	if f := failureOf(t, err); f.Kind != api.KindInvalid || len(f.Problems) != 1 ||
		f.Problems[0].Line != 6 {
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
	x, err := r.Explain(t.Context(),
		api.Query{Direction: "ingress", Protocol: "tcp", From: "203.0.113.9", To: ":80"})
	if err != nil || x.Verdict != api.VerdictAccept || !x.FlowsKnown {
		t.Errorf("port 80: %+v, %v", x, err)
	}

	// What only AWS would refuse is for check to say.
	reply, err = reload(strings.Replace(text, "description: web", `description: "the web's"`, 1))
	if err != nil || len(reply.Notices) > 0 || len(reply.Changes) == 0 {
		t.Errorf("an apostrophe in a description: %+v, %v", reply, err)
	}

	// Another device: the table follows.
	_, err = reload(strings.Replace(text, "eth0", "eth1", 1))
	must(t, err)
	must(t, r.d.enforcer.Verify())
	if st, err := r.Status(t.Context()); err != nil || st.Interfaces[0].Device != "eth1" {
		t.Errorf("status %+v, %v, want eth1 managed", st.Interfaces, err)
	}

	// What cannot change says so and nothing else changes.
	reply, err = reload(text + "settings: { max_flows: 1000, queues: { base: 5000, count: 1 } }\n")
	must(t, err)
	var keys []string
	for _, n := range reply.Notices {
		keys = append(keys, n.Field)
	}
	if want := []string{"queues.base", "queues.count", "max_flows"}; !slices.Equal(keys, want) &&
		!slices.Equal(keys, []string{"queues.base", "max_flows"}) {
		t.Errorf("notices about %v, want %v", keys, want)
	}
	if s, _ := r.Status(t.Context()); s.Flows.Max != policy.DefaultSettings.MaxFlows ||
		s.Queues[0].Number != policy.DefaultSettings.QueueBase {
		t.Errorf("status %+v", s)
	}

	// The answer to a dead daemon changes with the table's flags.
	_, err = reload(text + "settings: { on_failure: { gone: accept } }\n")
	must(t, err)
	if r.d.enforcer.TableStatus().Persist {
		t.Error("the table would outlive the daemon after gone: accept")
	}
}

func TestReloadBySignal(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	write(t, r.file, strings.Replace(text, "443", "80", 1))
	r.reload <- struct{}{}
	r.await(t, "a new generation", func(s api.Status) bool { return s.Policy.Generation > 1 })
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

// TestReloadThatIsInterrupted: whoever asked has gone before the file was read. The policy
// is neither reloaded nor refused.
func TestReloadThatIsInterrupted(t *testing.T) {
	link(t, "eth0")
	r := start(t, text)
	write(t, r.file, strings.Replace(text, "443", "80", 1))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // the file may answer before anybody looks
		if _, err := r.d.Reload(gone, api.ReloadRequest{}); err == nil {
			t.Fatal("it is reloaded")
		}
	}
	s, err := r.Status(t.Context())
	must(t, err)
	if s.Policy.Failure != nil || s.Policy.Generation != 1 || s.Policy.FileUnread != "" {
		t.Errorf("status %+v, failure %+v", s.Policy, s.Policy.Failure)
	}
}

func TestFactsAreFollowed(t *testing.T) {
	eth0 := link(t, "eth0")
	r := start(t, text+"  - { device: late*, security_groups: [web] }\n")
	if !strings.Contains(r.log.String(), "interface late* filters nothing: no device late*") {
		t.Errorf("the log does not tell that late* is missing: %s", r.log)
	}
	if line := r.d.line(); !strings.Contains(line, "on 1 of 2 interfaces, generation 1") {
		t.Errorf("the line does not tell: %s", line)
	}
	address(t, eth0, "192.0.2.1/24")
	r.await(t, "the new member", func(s api.Status) bool { return s.Policy.Generation > 1 })
	// The group's own members may use port 7000.
	x, err := r.Explain(t.Context(),
		api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "192.0.2.1",
			To: ":7000"})
	if err != nil || x.Verdict != api.VerdictAccept {
		t.Errorf("a member: %+v, %v", x, err)
	}
	x, err = r.Explain(t.Context(),
		api.Query{Interface: "eth0", Direction: "ingress", Protocol: "tcp", From: "192.0.2.9",
			To: ":7000"})
	if err != nil || x.Verdict != api.VerdictDrop {
		t.Errorf("a stranger: %+v, %v", x, err)
	}
	link(t, "late0")
	s := r.await(t, "late0 covered",
		func(s api.Status) bool { return len(s.Interfaces[1].Covered) == 1 })
	if s.Interfaces[1].Covered[0].Name != "late0" {
		t.Errorf("covered %+v", s.Interfaces[1])
	}
}

func TestTheGuardRefuses(t *testing.T) {
	address(t, link(t, "eth0"), "192.0.2.1/24")
	const caller = "198.51.100.9 50000 192.0.2.1 22"
	cfg, log := config(t, text)
	t.Setenv("SSH_CONNECTION", caller)
	if err := Run(t.Context(), cfg); !errors.Is(err, ssh.ErrLockout) ||
		!strings.Contains(err.Error(), "198.51.100.9") {
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
	// What the policy in force does not let pass is over: no other one locks it out.
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Caller: caller}); err != nil {
		t.Errorf("the session had ended: %v", err)
	}
	permitting := strings.Replace(text, "443", "22", 1)
	permit := func() {
		t.Helper()
		write(t, r.file, permitting)
		if _, err := r.Reload(t.Context(), api.ReloadRequest{Caller: caller}); err != nil {
			t.Errorf("a policy that permits the session: %v", err)
		}
		write(t, r.file, text)
	}
	permit()
	_, err := r.Reload(t.Context(), api.ReloadRequest{Caller: caller})
	if f := failureOf(t, err); f.Kind != api.KindRefused ||
		!strings.Contains(f.Message, "198.51.100.9") {
		t.Errorf("reload: %+v", f)
	}
	// Whoever started the daemon may have left long ago.
	if _, err := r.Reload(t.Context(), api.ReloadRequest{}); err != nil {
		t.Errorf("reload of somebody else: %v", err)
	}
	permit()
	if _, err := r.Reload(t.Context(), api.ReloadRequest{Caller: caller, Force: true}); err != nil {
		t.Errorf("forced reload: %v", err)
	}
}

// TestLineTellsOfNothing: what a service manager shows says it where nothing is filtered, and
// no longer once the device is there.
func TestLineTellsOfNothing(t *testing.T) {
	link(t, "uplink")
	r := start(t, strings.Replace(text, "eth0", "Uplink", 1))
	const nothing = "nothing is filtered: no device Uplink (hint: did you mean uplink?); enforcing "
	if line := r.d.line(); !strings.HasPrefix(line, nothing) ||
		!strings.Contains(line, "on 0 of 1 interfaces") {
		t.Errorf("the line does not tell: %s", line)
	}
	link(t, "Uplink")
	r.await(t, "the device", func(s api.Status) bool { return len(s.Warnings) == 0 })
	if line := r.d.line(); !strings.Contains(line, "on 1 interfaces") {
		t.Errorf("the line says it still: %s", line)
	}
}
