package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"sgfw/cmd/internal/api"
)

// maxAnswer bounds an answer that is one document, in bytes: the rules of the
// largest policy file and their hits fit in.
const maxAnswer = 64 << 20

// Client talks to the daemon behind one socket. It is safe for concurrent use.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the socket at path; it connects with the
// first request.
func NewClient(path string) *Client {
	var d net.Dialer
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// A request that changes something is sent to a daemon that has shown that it lives.
		ExpectContinueTimeout: time.Hour,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// Status asks the daemon about itself.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	var doc api.Status
	err := c.document(ctx, http.MethodGet, "status", nil, &doc, &doc.Schema, askPatience)
	return doc, err
}

// Explain asks what would happen to a packet.
func (c *Client) Explain(ctx context.Context, q api.Query) (api.Explanation, error) {
	var doc api.Explanation
	err := c.document(ctx, http.MethodPost, "explain", q, &doc, &doc.Schema, askPatience)
	return doc, err
}

// Reload asks for the policy file to be read again and returns when every
// queue uses the new rules. A dry run changes nothing, and whoever may look may ask for it.
func (c *Client) Reload(ctx context.Context, q api.ReloadRequest) (api.ReloadReply, error) {
	var doc api.ReloadReply
	name := "reload"
	if q.DryRun {
		name = "preview"
	}
	err := c.document(ctx, http.MethodPost, name, q, &doc, &doc.Schema, changePatience)
	return doc, err
}

// Confirm ends the wait for a confirmation: the policy stays.
func (c *Client) Confirm(ctx context.Context, q api.EndConfirmRequest) (api.ConfirmReply, error) {
	var doc api.ConfirmReply
	err := c.document(ctx, http.MethodPost, "confirm", q, &doc, &doc.Schema, changePatience)
	return doc, err
}

// Rollback ends the wait for a confirmation: the confirmed policy is in force again.
func (c *Client) Rollback(ctx context.Context, q api.EndConfirmRequest) (api.RollbackReply, error) {
	var doc api.RollbackReply
	err := c.document(ctx, http.MethodPost, "rollback", q, &doc, &doc.Schema, changePatience)
	return doc, err
}

// Revoke ends flows; the next packet of each meets the rules or none.
func (c *Client) Revoke(ctx context.Context, q api.RevokeRequest) (api.RevokeReply, error) {
	var doc api.RevokeReply
	err := c.document(ctx, http.MethodPost, "revoke", q, &doc, &doc.Schema, changePatience)
	return doc, err
}

// Flows calls begin once and then each for every flow. An answer that ends
// early is an error, however many flows came before.
func (c *Client) Flows(ctx context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	body, err := c.do(ctx, http.MethodGet, "flows?"+flowQueryValues(q).Encode(), nil, askPatience)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	var h api.FlowsHeader
	if err := d.Decode(&h); err != nil {
		return alien("flows", err)
	}
	if err := sameSchema("flows", h.Schema); err != nil {
		return err
	}
	if err := begin(h); err != nil {
		return err
	}
	for {
		var f api.Flow
		switch err := d.Decode(&f); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("flows: the answer was cut short: %w", err)
		}
		if err := each(f); err != nil {
			return err
		}
	}
}

// document makes a request whose answer is one document; schema points into doc.
func (c *Client) document(ctx context.Context, method, name string, in, doc any,
	schema *string, p patience) error {
	body, err := c.do(ctx, method, name, in, p)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(doc); err != nil {
		return alien(name, err)
	}
	return sameSchema(name, *schema)
}

// alien is the error of an answer that cannot be read, unless it did not come in time.
func alien(name string, err error) error {
	if errors.Is(err, errLate) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrProtocol, name, err)
}

func sameSchema(name, schema string) error {
	if schema != api.Schema {
		return fmt.Errorf("%w: %s: schema %q, want %q", ErrProtocol, name, schema, api.Schema)
	}
	return nil
}

// isSocket reports whether what is at path may be a socket: it is also where nobody can tell.
func isSocket(path string) bool {
	i, err := os.Stat(path)
	return err != nil || i.Mode()&os.ModeSocket != 0
}

// do makes a request and returns the body of a success; the daemon's refusal
// comes back as a *Failure. It waits for as long as the patience says.
func (c *Client) do(ctx context.Context, method, name string, in any, p patience) (
	_ io.ReadCloser, err error) {
	ctx, w := begin(ctx, c.path, p)
	defer func() {
		if err != nil {
			w.timer.Stop()
			w.end(nil)
		}
	}()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://sgfw/v1/"+name, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := c.http.Do(req)
	w.timer.Stop()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) && !isSocket(c.path):
		return nil, fmt.Errorf("%w: %s is not a socket (hint: --socket and SGFW_SOCKET name the "+
			"control socket)", ErrNoDaemon, c.path)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNoDaemon, c.path)
	case errors.Is(err, os.ErrPermission):
		return nil, denied(c.path)
	case errors.Is(err, syscall.EAGAIN):
		return nil, w.silent(c.path) // nobody has taken a connection for long
	case err != nil:
		// The URL that net/http names is an invention of ours.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		if cause := w.cause(ctx, nil); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("control: %w", err)
	}
	said := &answerBody{ReadCloser: resp.Body, ctx: ctx, wait: w}
	if resp.StatusCode == http.StatusOK {
		return said, nil
	}
	defer said.Close()
	var e api.Refusal
	if err := json.NewDecoder(io.LimitReader(said, maxAnswer)).Decode(&e); err != nil ||
		e.Error == nil || e.Schema != api.Schema {
		return nil, fmt.Errorf("%w: HTTP status %s", ErrProtocol, resp.Status)
	}
	return nil, e.Error
}
