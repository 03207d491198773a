package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"sgfw/cmd/internal/host/process"
)

// firstSign is how long a daemon may take to say anything. It tells at once that it has
// heard: only one that is stopped or hangs is silent for longer.
const firstSign = 2 * time.Second

// patience is how long a request may take once the daemon has shown that it lives.
type patience struct {
	// answer is for the beginning of the answer, pause for each further part, 0 for ever.
	answer, pause time.Duration
	// late is the error when it is over.
	late error
}

// Kinds of patience. No change takes longer than the server has for its answer, and a
// log that is followed may say nothing for days.
var (
	askPatience    = patience{30 * time.Second, 30 * time.Second, errLate}
	followPatience = patience{30 * time.Second, 0, errLate}
	changePatience = patience{answerTimeout + 5*time.Second, 30 * time.Second,
		fmt.Errorf("%w (hint: sgfw status says whether it did what it was asked for)", errLate)}
)

// errLate says that a daemon lives, and its answer does not come.
var errLate = errors.New("the daemon has heard, and does not answer in time")

// ErrUnresponsive says that a daemon holds the socket and does not answer.
var ErrUnresponsive = errors.New("the daemon does not answer")

// UnresponsiveError is ErrUnresponsive with what is known of the daemon. It has done
// nothing of what it was asked for, and will not.
type UnresponsiveError struct {
	// Path is the socket's.
	Path string
	// Holder is the process that listens on it.
	Holder process.Process
}

// Error names the process, and what can be done.
func (e *UnresponsiveError) Error() string {
	who := "the daemon that listens on " + e.Path
	if e.Holder.PID != 0 {
		who = fmt.Sprintf("the daemon, PID %d,", e.Holder.PID)
	}
	text := who + " does not answer"
	if state := e.Holder.Described(); state != "" {
		text += ": " + state
	}
	if hint := e.Holder.Hint(); hint != "" {
		text += " (hint: " + hint + ")"
	}
	return text
}

// Unwrap returns ErrUnresponsive.
func (e *UnresponsiveError) Unwrap() error { return ErrUnresponsive }

// wait is the wait for the answer to one request. Its end is the end of the request.
type wait struct {
	patience
	end    context.CancelCauseFunc
	timer  *time.Timer
	alive  atomic.Bool
	holder atomic.Int64 // PID of who listens, 0 while it is unknown
}

// begin starts to wait for the daemon behind the socket at path.
func begin(ctx context.Context, path string, p patience) (context.Context, *wait) {
	ctx, end := context.WithCancelCause(ctx)
	w := &wait{patience: p, end: end}
	w.timer = time.AfterFunc(firstSign, func() {
		if w.alive.Load() {
			end(p.late)
			return
		}
		end(w.silent(path))
	})
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { w.holder.Store(int64(pidOf(i.Conn))) },
		GotFirstResponseByte: func() {
			if w.timer.Stop() {
				w.alive.Store(true)
				w.timer.Reset(w.answer)
			}
		},
	}), w
}

// silent is the error of a daemon that has shown no life.
func (w *wait) silent(path string) error {
	pid := int(w.holder.Load())
	if pid == 0 {
		// So many wait that it takes no more connections.
		holder, _ := Holder(path)
		pid = holder.PID
	}
	return &UnresponsiveError{Path: path, Holder: process.Of(pid)}
}

// cause is why a request failed: that the patience was over, or the error itself.
func (w *wait) cause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrUnresponsive) || errors.Is(cause, errLate) {
		return cause
	}
	return err
}

// answerBody is the body of an answer whose parts are waited for.
type answerBody struct {
	io.ReadCloser
	ctx context.Context
	*wait
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	if b.pause > 0 {
		b.timer.Reset(b.pause)
		defer b.timer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.cause(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	b.timer.Stop()
	defer b.end(nil)
	return b.ReadCloser.Close()
}

// pidOf is the process that listens at the other end of a connection, 0 if the kernel
// does not tell. It tells of a stopped one, too.
func pidOf(c net.Conn) int { return lookUp(c).pid }
