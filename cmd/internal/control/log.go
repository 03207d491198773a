package control

import (
	"context"
	"net/http"
	"time"

	"sgfw/cmd/internal/api"
)

const (
	// maxFollowers leaves most of maxClients to others. Readers and those who may change
	// the rules have as many each.
	maxFollowers = 8
	// maxCaptures bounds the captures at one time: each has a buffer of packets.
	maxCaptures = 2
	// logTimeout is how long a follower may take to read what was sent.
	logTimeout = 10 * time.Second
)

// Log calls begin once the daemon answers, and then each for every record. It
// returns nil at the end of what was asked for; a log that is followed ends with
// ctx, or with ErrEnded when the daemon stops.
func (c *Client) Log(ctx context.Context, q api.LogQuery, begin func() error,
	each func(api.LogRecord) error) error {
	return parts(ctx, c, "log", q, q.Follow, begin, each)
}

// Capture calls begin once the daemon answers, and then each for every part of a capture,
// which ends with ctx, or with ErrEnded when the daemon stops.
func (c *Client) Capture(ctx context.Context, q api.CaptureQuery, begin func() error,
	each func(api.CapturePart) error) error {
	return parts(ctx, c, "capture", q, true, begin, each)
}

// streamLog serves one log; stop ends it with the server.
func streamLog(stop context.Context, b Backend) http.HandlerFunc {
	return stream(stop, newSeats("follow the log", maxFollowers),
		func(q *api.LogQuery) bool { return q.Follow }, b.Log,
		func(r *api.LogRecord) *string { return &r.Schema })
}

// streamCapture serves one capture; stop ends it with the server.
func streamCapture(stop context.Context, b Backend) http.HandlerFunc {
	return stream(stop, newSeats("capture packets", maxCaptures),
		func(*api.CaptureQuery) bool { return true }, b.Capture,
		func(p *api.CapturePart) *string { return &p.Schema })
}
