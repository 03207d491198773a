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

// streamHeader is the first line of an answer of many parts: it has begun.
type streamHeader struct {
	Schema string `json:"schema"`
	Follow bool   `json:"follow"`
}

// parts asks for an answer of many parts, which goes on until ctx ends if it follows what
// happens.
func parts[Q, P any](ctx context.Context, c *Client, name string, q Q, follow bool,
	begin func() error, each func(P) error) error {
	p := askPatience
	if follow {
		p = followPatience
	}
	body, err := c.do(ctx, http.MethodPost, name, q, p)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	var h streamHeader
	if err := d.Decode(&h); err != nil {
		return alien(name, err)
	}
	if err := sameSchema(name, h.Schema); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	for {
		var part P
		switch err := d.Decode(&part); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF) && !follow:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && follow:
			return ErrEnded
		case err != nil:
			return fmt.Errorf("%s: the answer was cut short: %w", name, err)
		}
		if err := each(part); err != nil {
			return err
		}
	}
}

// seats are how many may follow something at once: readers and those who may change the
// rules have as many each.
type seats struct {
	what            string
	readers, admins chan struct{}
}

func newSeats(what string, n int) *seats {
	return &seats{what, make(chan struct{}, n), make(chan struct{}, n)}
}

// take takes a seat for a request, and returns how it is given back; nil if there is none.
func (s *seats) take(r *http.Request) (free func()) {
	all := s.readers
	if peerOf(r.Context()).mayChange() {
		all = s.admins
	}
	select {
	case all <- struct{}{}:
		return func() { <-all }
	default:
		return nil
	}
}

// stream serves an answer of many parts; stop ends it with the server. Every call of the
// backend with parts is sent at once.
func stream[Q, P any](stop context.Context, s *seats, follows func(*Q) bool,
	serve func(ctx context.Context, q Q, begin func() error, send func([]P) error) error,
	schema func(*P) *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := decode(w, r, &q); err != nil {
			answer(w, nil, err)
			return
		}
		follow := follows(&q)
		if follow {
			free := s.take(r)
			if free == nil {
				fail(w, http.StatusServiceUnavailable, &api.Failure{Kind: api.KindFailed,
					Message: fmt.Sprintf("%d others %s already", cap(s.readers), s.what)})
				return
			}
			defer free()
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
		err := serve(ctx, q, func() error {
			begun = true
			// The request has been read, and what comes may take days.
			if err := conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/x-ndjson")
			return errors.Join(enc.Encode(streamHeader{Schema: api.Schema, Follow: follow}), flush())
		}, func(list []P) error {
			for i := range list {
				*schema(&list[i]) = api.Schema
				if err := enc.Encode(&list[i]); err != nil {
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
