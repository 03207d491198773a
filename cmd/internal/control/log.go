package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sgfw/cmd/internal/api"
)

// logHeader is the first line of the answer: the log has begun.
type logHeader struct {
	Schema string `json:"schema"`
	Follow bool   `json:"follow"`
}

const (
	// maxFollowers leaves most of maxClients to others. Readers and those who may change
	// the rules have as many each.
	maxFollowers = 8
	// logTimeout is how long a follower may take to read what was sent.
	logTimeout = 10 * time.Second
)

// Log calls begin once the daemon answers, and then each for every record. It
// returns nil at the end of what was asked for; a log that is followed ends with
// ctx, or with ErrEnded when the daemon stops.
func (c *Client) Log(ctx context.Context, q api.LogQuery, begin func() error,
	each func(api.LogRecord) error) error {
	p := askPatience
	if q.Follow {
		p = followPatience
	}
	body, err := c.do(ctx, http.MethodPost, "log", q, p)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	var h logHeader
	if err := d.Decode(&h); err != nil {
		return alien("log", err)
	}
	if err := sameSchema("log", h.Schema); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	for {
		var r api.LogRecord
		switch err := d.Decode(&r); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF) && !q.Follow:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && q.Follow:
			return ErrEnded
		case err != nil:
			return fmt.Errorf("log: the answer was cut short: %w", err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// streamLog serves one log; stop ends it with the server. Every call of the
// backend with records is sent at once.
func streamLog(stop context.Context, b Backend) http.HandlerFunc {
	readers, admins := make(chan struct{}, maxFollowers), make(chan struct{}, maxFollowers)
	return func(w http.ResponseWriter, r *http.Request) {
		var q api.LogQuery
		if err := decode(w, r, &q); err != nil {
			answer(w, nil, err)
			return
		}
		if q.Follow {
			followers := readers
			if peerOf(r.Context()).mayChange() {
				followers = admins
			}
			select {
			case followers <- struct{}{}:
				defer func() { <-followers }()
			default:
				fail(w, http.StatusServiceUnavailable,
					&api.Failure{Kind: api.KindFailed,
						Message: fmt.Sprintf("%d others follow the log already", maxFollowers)})
				return
			}
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stop, cancel)()

		conn := http.NewResponseController(w)
		buf := bufio.NewWriter(w)
		enc := json.NewEncoder(buf)
		begun := false
		flush := func() error {
			return errors.Join(conn.SetWriteDeadline(time.Now().Add(logTimeout)), buf.Flush(), conn.Flush())
		}
		err := b.Log(ctx, q, func() error {
			begun = true
			// The request has been read, and what comes may take days.
			if err := conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/x-ndjson")
			return errors.Join(enc.Encode(logHeader{Schema: api.Schema, Follow: q.Follow}), flush())
		}, func(records []api.LogRecord) error {
			for i := range records {
				records[i].Schema = api.Schema
				if err := enc.Encode(&records[i]); err != nil {
					return err
				}
			}
			return flush()
		})
		switch {
		case err == nil:
		case begun:
			panic(http.ErrAbortHandler)
		default:
			answer(w, nil, err)
		}
	}
}
