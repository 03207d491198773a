package control

import (
	"errors"
	"fmt"
	"net/http"

	"sgfw/cmd/internal/api"
)

// ErrRunning says that another daemon holds the socket.
var ErrRunning = errors.New("another sgfw daemon is running")

// Errors of the client that callers tell apart.
var (
	// ErrNoDaemon: nobody listens on the socket.
	ErrNoDaemon = errors.New("no sgfw daemon is running")
	// ErrEnded: the daemon ended while it answered. It is ErrNoDaemon, too.
	ErrEnded = fmt.Errorf("%w any more: it ended", ErrNoDaemon)
	// ErrProtocol: whoever listens does not speak this version of the API.
	ErrProtocol = errors.New("the answer is not one of an sgfw daemon of this version")
)

// statusOf is the HTTP status that carries a kind.
func statusOf(k api.Kind) int {
	switch k {
	case api.KindUsage:
		return http.StatusBadRequest
	case api.KindInvalid:
		return http.StatusUnprocessableEntity
	case api.KindRefused:
		return http.StatusConflict
	case api.KindDenied:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// asFailure makes any error travel.
func asFailure(err error) *api.Failure {
	if f, ok := errors.AsType[*api.Failure](err); ok {
		return f
	}
	return &api.Failure{Kind: api.KindFailed, Message: err.Error()}
}
