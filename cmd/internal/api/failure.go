package api

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
	// KindNoDaemon: nobody answers. Only a client says so.
	KindNoDaemon Kind = "no-daemon"
)

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

// Refusal is the document that stands for any other one after a failure.
type Refusal struct {
	Schema string   `json:"schema"`
	Error  *Failure `json:"error"`
	// Remains is what the machine is without a daemon, where that is why.
	Remains *Remains `json:"remains,omitempty"`
}
