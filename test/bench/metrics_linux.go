package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	// scrapeEvery is the pause between two scrapes: Prometheus asks a hundred times less often.
	scrapeEvery = 100 * time.Millisecond
	// firstScrape is how long the first answer is waited for.
	firstScrape = 5 * time.Second
)

// sgfwScraped is the program with ten rules, whose metrics somebody reads all the time.
func sgfwScraped(o options, name string) firewall {
	return firewall{name: name, start: func(ctx context.Context, p *place) (*running, error) {
		dir, err := os.MkdirTemp("", "sgfw-metrics")
		if err != nil {
			return nil, err
		}
		socket := filepath.Join(dir, "m.sock")
		r, err := startSGFW(ctx, o.sgfw, p, policyText(p.device(), 10,
			inDatapath(userspace, "  metrics: { listen: "+socket+" }")), nil)
		if err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
		if err := untilScraped(ctx, socket); err != nil {
			return nil, errors.Join(err, r.stop(), os.RemoveAll(dir))
		}
		reading, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- scrapeAlways(reading, socket) }()
		stop := r.stop
		r.stop = func() error {
			cancel()
			defer os.RemoveAll(dir)
			return errors.Join(<-ended, stop())
		}
		return r, nil
	}}
}

// scraper reads metrics at a socket.
func scraper(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
}

// untilScraped returns when metrics could be read once: the daemon shows them a moment after
// it is ready.
func untilScraped(ctx context.Context, socket string) error {
	client := scraper(socket)
	defer client.CloseIdleConnections()
	for end := time.Now().Add(firstScrape); ; time.Sleep(10 * time.Millisecond) {
		err := scrape(ctx, client)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// scrapeAlways reads metrics at a socket until ctx ends.
func scrapeAlways(ctx context.Context, socket string) error {
	client := scraper(socket)
	defer client.CloseIdleConnections()
	for n := 0; ; n++ {
		if err := scrape(ctx, client); err != nil && ctx.Err() == nil {
			return fmt.Errorf("scrape %d: %w", n, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(scrapeEvery):
		}
	}
}

func scrape(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/metrics", nil)
	if err != nil {
		return err
	}
	r, err := client.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return errors.New(r.Status)
	}
	return nil
}
