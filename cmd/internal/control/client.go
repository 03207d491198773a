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
	"syscall"

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
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// Status asks the daemon about itself.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	var doc api.Status
	err := c.document(ctx, http.MethodGet, "status", nil, &doc, &doc.Schema)
	return doc, err
}

// Explain asks what would happen to a packet.
func (c *Client) Explain(ctx context.Context, q api.Query) (api.Explanation, error) {
	var doc api.Explanation
	err := c.document(ctx, http.MethodPost, "explain", q, &doc, &doc.Schema)
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
	err := c.document(ctx, http.MethodPost, name, q, &doc, &doc.Schema)
	return doc, err
}

// Confirm ends the wait for a confirmation: the policy stays.
func (c *Client) Confirm(ctx context.Context, q api.EndConfirmRequest) (api.ConfirmReply, error) {
	var doc api.ConfirmReply
	err := c.document(ctx, http.MethodPost, "confirm", q, &doc, &doc.Schema)
	return doc, err
}

// Rollback ends the wait for a confirmation: the confirmed policy is in force again.
func (c *Client) Rollback(ctx context.Context, q api.EndConfirmRequest) (api.RollbackReply, error) {
	var doc api.RollbackReply
	err := c.document(ctx, http.MethodPost, "rollback", q, &doc, &doc.Schema)
	return doc, err
}

// Revoke ends flows; the next packet of each meets the rules or none.
func (c *Client) Revoke(ctx context.Context, q api.RevokeRequest) (api.RevokeReply, error) {
	var doc api.RevokeReply
	err := c.document(ctx, http.MethodPost, "revoke", q, &doc, &doc.Schema)
	return doc, err
}

// Flows calls begin once and then each for every flow. An answer that ends
// early is an error, however many flows came before.
func (c *Client) Flows(ctx context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	body, err := c.do(ctx, http.MethodGet, "flows?"+flowQueryValues(q).Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	var h api.FlowsHeader
	if err := d.Decode(&h); err != nil {
		return fmt.Errorf("%w: flows: %w", ErrProtocol, err)
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
	schema *string) error {
	body, err := c.do(ctx, method, name, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(doc); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProtocol, name, err)
	}
	return sameSchema(name, *schema)
}

func sameSchema(name, schema string) error {
	if schema != api.Schema {
		return fmt.Errorf("%w: %s: schema %q, want %q", ErrProtocol, name, schema, api.Schema)
	}
	return nil
}

// do makes a request and returns the body of a success; the daemon's refusal
// comes back as a *Failure.
func (c *Client) do(ctx context.Context, method, name string, in any) (io.ReadCloser, error) {
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
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNoDaemon, c.path)
	case err != nil:
		// The URL that net/http names is an invention of ours.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fmt.Errorf("control: %w", err)
	case resp.StatusCode == http.StatusOK:
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var e api.Refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&e); err != nil ||
		e.Error == nil || e.Schema != api.Schema {
		return nil, fmt.Errorf("%w: HTTP status %s", ErrProtocol, resp.Status)
	}
	return nil, e.Error
}
