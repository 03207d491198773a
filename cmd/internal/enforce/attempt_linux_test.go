package enforce

import (
	"errors"
	"fmt"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// TestFailureSaysWhatRefuses: notices are no reasons.
func TestFailureSaysWhatRefuses(t *testing.T) {
	ps := policy.Problems{{Severity: policy.SeverityNotice, Message: "AWS would refuse it", AWS: true},
		{Message: "no such group"}, {Severity: policy.SeverityWarning, Message: "no such device"},
		{Message: "no ports"}}
	want := "start: no such group\nno ports"
	if f := failureOf(ByStart, fmt.Errorf("start: %w", ps)); f.Message != want {
		t.Errorf("%q, want %q", f.Message, want)
	}
}

// TestAttempt: a source that did not answer is forgiven once it says what was tried, and
// what was wrong with that text is not.
func TestAttempt(t *testing.T) {
	hangs, wrong := errors.New("it does not answer"), errors.New("it is wrong")
	expect := func(what string, a *attempt, want error) {
		t.Helper()
		f := a.failure()
		if (f == nil) != (want == nil) || f != nil && f.Message != want.Error() {
			t.Errorf("%s: %+v, want %v", what, f, want)
		}
	}
	a := &attempt{sum: "in force"}
	a.mute(ByCommand, hangs)
	expect("unread", a, hangs)
	if a.says("another") {
		t.Error("another text was tried")
	}
	expect("it says something else, which nobody has reloaded", a, hangs)
	if !a.says("in force") {
		t.Error("what is in force was not tried")
	}
	expect("it says what is in force", a, nil)

	a.sum = "wrong"
	a.failed(ByWatch, wrong)
	a.mute(ByWatch, hangs)
	expect("unread after a refusal", a, hangs)
	a.says("wrong")
	expect("it is as wrong as before", a, wrong)
	a.mute(ByWatch, hangs)
	a.failed(ByWatch, wrong)
	a.says("wrong")
	expect("read, and refused again", a, wrong)
	a.succeeded()
	expect("reloaded", a, nil)
	a.failed(ByWatch, wrong)
	a.rolledBack()
	expect("rolled back", a, nil)
	if want := (api.Reloads{Applied: 1, Refused: 3, Unread: 3, RolledBack: 1}); a.counts != want {
		t.Errorf("counted %+v, want %+v", a.counts, want)
	}
}
