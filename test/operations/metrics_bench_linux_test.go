package operations

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/harness"
)

// BenchmarkVerdictsWhileScraped floods a daemon and reads its metrics in every other slice of
// time, several times within each. It reports how many packets came to verdicts in such slices
// for each in the others. So what else the machine does falls on both alike:
//
//	go test ./test/operations -run '^$' -bench WhileScraped -benchtime 200x
func BenchmarkVerdictsWhileScraped(b *testing.B) {
	const slice, scrapes, at = 250 * time.Millisecond, 3, "127.0.0.1:9455"
	client, server, _ := harness.NewPair(b)
	harness.Enforce(b, server.Host(), harness.GatePolicy("metrics: { listen: "+at+" }"))
	harness.Scrapes(b, server.Host(), at, "the start", func(harness.Metrics) bool { return true })
	c, err := client.Host().Dial(context.Background(), "udp",
		netip.AddrPortFrom(server.IPv4(), harness.GateIn))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var over atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !over.Load() {
			_, _ = c.Write([]byte("packet")) // what a full buffer refuses is sent again
		}
	}()
	defer func() { over.Store(true); <-ended }()
	// queued is how many packets the kernel has given to the queue. It asks nothing of the daemon.
	queued := func() uint64 {
		text, err := server.Host().ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		if err != nil {
			b.Fatal(err)
		}
		n, err := strconv.ParseUint(strings.Fields(string(text))[7], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	run := func(scraped int) float64 {
		before, began := queued(), time.Now()
		for range scraped {
			time.Sleep(slice / time.Duration(scraped+1))
			if _, err := harness.Scrape(server.Host(), at); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(slice - time.Since(began))
		return float64(queued()-before) / time.Since(began).Seconds()
	}
	var without, with float64
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			without += run(0)
			with += run(scrapes)
		} else {
			with += run(scrapes)
			without += run(0)
		}
	}
	b.ReportMetric(with/without, "of-without")
	b.ReportMetric(without/float64(b.N), "verdicts/s-without")
	b.ReportMetric(with/float64(b.N), "verdicts/s-with")
}
