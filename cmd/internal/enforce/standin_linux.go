package enforce

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
	"sgfw/policy"
	"sgfw/policy/file"
)

// standIn is what is enforced since the start in place of what the policy file says,
// because that could not be used. The zero value is none.
type standIn struct {
	// why is what is wrong with the file, nil for nothing.
	why error
	// what is enforced, in words.
	what string
	// closed is true where no policy is known that was good: nothing passes.
	closed bool
}

// document is the stand-in as status has it, "" for none.
func (s standIn) document() string {
	switch {
	case s.why == nil:
		return ""
	case s.closed:
		return api.StandInClosed
	}
	return api.StandInLastGood
}

// degraded is what status says of it, none while there is nothing to say.
func (s standIn) degraded() []string {
	if s.why == nil {
		return nil
	}
	return []string{"the policy file could not be used at the start: " + s.what}
}

// Unused says why the policy file was never in force, nil if it was, or a later one.
func (e *Enforcer) Unused() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.mu.standIn; s.why != nil {
		return &UnusableError{What: "until now " + s.what, Err: s.why}
	}
	return nil
}

// instead is true once another policy than the file's is chosen to start with, for why
// it cannot be used: the last good one, or one that closes the devices. Otherwise the
// start fails, and what is in force on the machine stays as it is. The caller holds mu.
func (e *Enforcer) instead(why error, says source.Revision) bool {
	return e.lastGood(why) || e.closed(why, says)
}

// lastGood chooses the last policy of the file that was in force for good. The caller
// holds mu.
func (e *Enforcer) lastGood(why error) bool {
	good := e.disk.good
	if good == nil {
		return false
	}
	c, err := e.compile(e.mu.force.compiler, e.cfg.File.Name()+" (last good)", good.Policy,
		e.mu.force.machine)
	if err != nil {
		e.log.Error("the last good policy cannot be used either", "error", err)
		return false
	}
	what := fmt.Sprintf("the last good policy, of %s, is enforced",
		good.At.Local().Format(time.DateTime))
	e.standFor(c, standIn{why: why, what: what})
	// It was in force before.
	e.disk.restored = true
	return true
}

// closed chooses a policy that lets nothing pass, where no good one is known: through the
// devices that the file names, or through all. A file that is not there asks for
// nothing, nor does one of another tool on a machine that never enforced one of its name,
// and one that says on_failure: {gone: accept} for what a failure leaves then.
// The caller holds mu.
func (e *Enforcer) closed(why error, says source.Revision) bool {
	remains := file.Salvage(says.Text)
	if errors.Is(why, fs.ErrNotExist) || remains.Gone == policy.FailAccept ||
		!remains.All && len(remains.Devices) == 0 || !e.disk.earlier && foreign(says, remains) {
		return false
	}
	devices, names := remains.Devices, strings.Join(remains.Devices, ", ")
	if remains.All {
		devices, names = []string{"*"}, "any device"
	}
	closed := source.NewRevision(closedPolicy(devices))
	c, err := e.compile(e.mu.force.compiler, e.cfg.File.Name()+" (closed)", closed,
		e.mu.force.machine)
	if err != nil {
		e.log.Error("the devices cannot be closed", "error", err)
		return false
	}
	e.disk.closed = closed.Sum
	e.standFor(c, standIn{why: why, what: "nothing passes through " + names, closed: true})
	return true
}

// foreign reports whether a text is a file of another tool: who names that has mistaken the
// file, and asked for nothing. One that names interfaces is a policy, whatever else is in it.
func foreign(says source.Revision, remains file.Remains) bool {
	f, _ := file.Recognise(says.Text)
	return f != nil && remains.All
}

// closedPolicy is the text of a policy that permits nothing, and goes on looking at its
// file: once that is mended it is put in force.
func closedPolicy(devices []string) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nsettings: { watch: true }\n" +
		"security_groups: [{ name: closed, description: closed, ingress: [], egress: [] }]\n" +
		"interfaces:\n")
	seen := make(map[string]bool)
	for _, d := range devices {
		if !seen[d] {
			fmt.Fprintf(&b, "  - { device: %q, security_groups: [closed] }\n", d)
		}
		seen[d] = true
	}
	return []byte(b.String())
}

// standFor makes a candidate the policy to start with. The caller holds mu.
func (e *Enforcer) standFor(c *candidate, s standIn) {
	e.mu.force.current, e.mu.standIn = c, s
	e.mu.confirm.record = state.Record{File: e.disk.id, Confirmed: c.revision}
	e.mu.attempt.failed(ByStart, s.why)
}

// tellStandIn logs what stands in for the policy file. It does so once it is in force: until
// then a start may come to nothing. The caller holds mu.
func (e *Enforcer) tellStandIn() {
	if s := e.mu.standIn; s.why != nil {
		e.log.Error("the policy file cannot be used: "+s.what, "policy", e.cfg.File.Name(),
			"error", s.why)
	}
}

// keepGood writes down which policy is to be enforced when the file cannot be used. What
// that comes to is known only then: a failure is logged, and nothing else. The caller
// holds mu.
func (e *Enforcer) keepGood(r source.Revision) {
	kept := e.disk.good != nil && r.Same(e.disk.good.Policy)
	if e.disk.store == nil || r.Sum == e.disk.closed || kept {
		return
	}
	good := state.Good{File: e.disk.id, Policy: r, At: time.Now().Round(0)}
	if err := e.disk.store.SaveGood(good); err != nil {
		e.log.Warn("cannot keep the policy for a start with a broken file", "error", err)
		return
	}
	e.disk.good = &good
}
