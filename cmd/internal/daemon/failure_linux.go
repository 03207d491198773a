package daemon

import (
	"errors"
	"fmt"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/policy"
)

// failure turns an error into the API's error, with the kind that the client sees.
func failure(err error) error {
	if f, ok := errors.AsType[*api.Failure](err); ok {
		return f
	}
	f := &api.Failure{Kind: api.KindFailed, Message: err.Error()}
	if p, ok := errors.AsType[policy.Problem](err); ok {
		f.Code = string(p.Code)
	}
	switch {
	case policy.AsProblems(err) != nil:
		f.Kind, f.Problems = api.KindInvalid, explain.Problems(policy.AsProblems(err))
	case errors.Is(err, ssh.ErrLockout):
		f.Kind = api.KindRefused
	case errors.Is(err, explain.ErrQuestion):
		f.Kind = api.KindUsage
	}
	return f
}

// question marks an error as the query's: it names something that does not exist.
func question(err error) error { return failure(fmt.Errorf("%w: %w", explain.ErrQuestion, err)) }
