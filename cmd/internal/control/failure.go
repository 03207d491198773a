package control

import (
	"errors"
	"net/http"
)

// ErrRunning says that another daemon holds the socket.
var ErrRunning = errors.New("another sgfw daemon is running")

// Errors of the client that callers tell apart.
var (
	// ErrNoDaemon: nobody listens on the socket.
	ErrNoDaemon = errors.New("no sgfw daemon is running")
	// ErrProtocol: whoever listens does not speak this version of the API.
	ErrProtocol = errors.New("the answer is not one of an sgfw daemon of this version")
)

// Kind says why the daemon refused a request.
type Kind string

const (
	// KindFailed: the daemon tried and failed.
	KindFailed Kind = "failed"
	// KindUsage: the request makes no sense.
	KindUsage Kind = "usage"
	// KindInvalid: the policy does not validate; Problems says why.
	KindInvalid Kind = "invalid"
	// KindRefused: a safety guard said no; force overrides it.
	KindRefused Kind = "refused"
	// KindDenied: the caller may look but not change anything.
	KindDenied Kind = "denied"
)

// status is the HTTP status that carries a kind.
func (k Kind) status() int {
	switch k {
	case KindUsage:
		return http.StatusBadRequest
	case KindInvalid:
		return http.StatusUnprocessableEntity
	case KindRefused:
		return http.StatusConflict
	case KindDenied:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// Failure is an error that keeps its kind on the way from daemon to client.
type Failure struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
	// Code is AWS's for the same mistake, if it has one.
	Code     string    `json:"code,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// asFailure makes any error travel.
func asFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Kind: KindFailed, Message: err.Error()}
}

// envelope is the body of every answer that is not a success.
type envelope struct {
	Schema string   `json:"schema"`
	Error  *Failure `json:"error"`
}
