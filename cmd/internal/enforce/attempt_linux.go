package enforce

import (
	"cmp"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// attempt is the last change of the policy that was tried.
type attempt struct {
	// sum is that of the text that was last put in force, or refused.
	sum string
	// refused is the last change that altered nothing, nil if one has succeeded since.
	refused *api.ReloadFailure
	// unread is the last one whose text could not be read, nil if it could since.
	unread *api.ReloadFailure
	// counts are all changes since the start, by outcome.
	counts api.Reloads
}

// failure is the last change that altered nothing, nil for none that still counts.
func (a *attempt) failure() *api.ReloadFailure { return cmp.Or(a.unread, a.refused) }

// succeeded takes note of a change that altered something.
func (a *attempt) succeeded() {
	a.refused, a.unread = nil, nil
	a.counts.Applied++
}

// rolledBack takes note of a return to the confirmed policy.
func (a *attempt) rolledBack() {
	a.refused, a.unread = nil, nil
	a.counts.RolledBack++
}

// failed takes note of a change that was refused for what it is.
func (a *attempt) failed(by Cause, err error) {
	a.refused, a.unread = failureOf(by, err), nil
	a.counts.Refused++
}

// mute takes note of a change whose text could not be read.
func (a *attempt) mute(by Cause, err error) {
	a.unread = failureOf(by, err)
	a.counts.Unread++
}

// says takes note of what the source says, and reports whether that was tried last. Then
// nothing is left of a failure to read it, and what was refused before is refused still.
func (a *attempt) says(sum string) (tried bool) {
	if sum == a.sum {
		a.unread = nil
	}
	return sum == a.sum
}

// failureOf is a failure in words. Of a policy they are what refuses it, without its
// warnings and notices.
func failureOf(by Cause, err error) *api.ReloadFailure {
	message := err.Error()
	if all := policy.AsProblems(err); all != nil {
		message = strings.Replace(message, all.Error(), all.Of(policy.SeverityError).Error(), 1)
	}
	return &api.ReloadFailure{At: time.Now().UTC(), By: string(by), Message: message}
}
