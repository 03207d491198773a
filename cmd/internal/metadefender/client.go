// Package metadefender asks the IP reputation API of MetaDefender Cloud (version 4) about
// addresses. Whoever calls it has told people which addresses leave the machine.
package metadefender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// DefaultURL is where the vendor answers.
const DefaultURL = "https://api.metadefender.com"

const (
	// Batch is how many addresses a question has.
	Batch = 5
	// Timeout bounds a question and its answer.
	Timeout = 30 * time.Second
	// Patience is the longest wait that a limit of the rate may ask for.
	Patience = 90 * time.Second
	// largest is the most that is read of an answer, in bytes.
	largest = 4 << 20
	// attempts is how often a question is put that the rate does not permit yet.
	attempts = 3
)

var (
	// ErrKey says that the API does not take the key.
	ErrKey = errors.New("the API does not take the key")
	// ErrQuota says that the key may ask no more for now.
	ErrQuota = errors.New("the quota of the key is used up")
)

// Client asks. URL and Key have to be set; it is for one goroutine.
type Client struct {
	URL, Key string
	HTTP     *http.Client
	// Wait waits; nil is a timer.
	Wait func(context.Context, time.Duration) error
}

// Verdict is what the API says of an address.
type Verdict struct {
	Address netip.Addr
	// DetectedBy is how many sources have a bad opinion of it.
	DetectedBy int
	Sources    []Source
}

// Source is one opinion. Assessment is empty where the source knows nothing.
type Source struct{ Provider, Assessment string }

// answer is a verdict as the API writes it.
type answer struct {
	Address string `json:"address"`
	Results struct {
		DetectedBy int `json:"detected_by"`
		Sources    []struct {
			Provider   string `json:"provider"`
			Assessment string `json:"assessment"`
		} `json:"sources"`
	} `json:"lookup_results"`
}

// Lookup asks about addresses, a few at a time. After an error it returns the verdicts that
// there are.
func (c *Client) Lookup(ctx context.Context, addresses []netip.Addr) (out []Verdict, err error) {
	for len(addresses) > 0 {
		n := min(Batch, len(addresses))
		some, err := c.batch(ctx, addresses[:n])
		if err != nil {
			return out, err
		}
		out, addresses = append(out, some...), addresses[n:]
	}
	return out, nil
}

// batch puts one question, again after a while if the rate does not permit it yet.
func (c *Client) batch(ctx context.Context, addresses []netip.Addr) ([]Verdict, error) {
	body, err := json.Marshal(map[string]any{"address": addresses})
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		text, wait, err := c.ask(ctx, body)
		if err == nil {
			return verdicts(text, addresses)
		}
		if wait <= 0 || wait > Patience || try == attempts {
			return nil, err
		}
		if err := c.wait(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// ask makes a request. With an error that passes it returns how long that takes.
func (c *Client) ask(ctx context.Context, body []byte) (text []byte, wait time.Duration,
	err error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	url := strings.TrimRight(c.URL, "/") + "/v4/ip/"
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("metadefender: %w", err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("apikey", c.Key)
	r, err := c.HTTP.Do(q)
	if err != nil {
		return nil, 0, fmt.Errorf("metadefender: %w", err)
	}
	defer r.Body.Close()
	text, err = io.ReadAll(io.LimitReader(r.Body, largest))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("metadefender: %w", err)
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		return nil, 0, fmt.Errorf("metadefender: %w (%s)", ErrKey, r.Status)
	case r.StatusCode == http.StatusTooManyRequests:
		return nil, pause(r.Header), fmt.Errorf("metadefender: %w (%s)", ErrQuota, r.Status)
	case r.StatusCode >= 500:
		return nil, time.Second, fmt.Errorf("metadefender: the server answers %s", r.Status)
	case r.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("metadefender: the server answers %s", r.Status)
	}
	return text, 0, nil
}

// pause is how long the API wants people to wait: in seconds, with or without an s.
func pause(h http.Header) time.Duration {
	for _, name := range []string{"Retry-After", "X-RateLimit-Reset-In"} {
		n, err := strconv.Atoi(strings.TrimSuffix(h.Get(name), "s"))
		if err == nil && n >= 0 && n < 1<<30 {
			return time.Duration(n+1) * time.Second
		}
	}
	return 0
}

// verdicts reads an answer: a list, or a document with one as data. An address that it does
// not speak of is an error: silence is no good name.
func verdicts(text []byte, asked []netip.Addr) (out []Verdict, err error) {
	var list []answer
	if err := json.Unmarshal(text, &list); err != nil {
		var doc struct{ Data []answer }
		if err := json.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("metadefender: the answer is not understood: %w", err)
		}
		list = doc.Data
	}
	said := map[netip.Addr]answer{}
	for _, a := range list {
		if addr, err := netip.ParseAddr(a.Address); err == nil {
			said[addr] = a
		}
	}
	for _, addr := range asked {
		a, there := said[addr]
		if !there {
			return nil, fmt.Errorf("metadefender: the answer says nothing of %s", addr)
		}
		v := Verdict{Address: addr, DetectedBy: a.Results.DetectedBy}
		for _, s := range a.Results.Sources {
			v.Sources = append(v.Sources, Source{s.Provider, s.Assessment})
		}
		out = append(out, v)
	}
	return out, nil
}
