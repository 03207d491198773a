package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sgfw/test/netlab"
)

// Metrics are what a scrape found, by family.
type Metrics map[string]*dto.MetricFamily

// Scrape reads the metrics at an address or a socket of a host, as Prometheus does.
func Scrape(host *netlab.Host, listen string) (Metrics, error) {
	network := "tcp"
	if strings.HasPrefix(listen, "/") {
		network = "unix"
	}
	// The transport would dial on a thread of another namespace.
	var conn net.Conn
	if err := host.Do(func() (err error) {
		conn, err = net.DialTimeout(network, listen, ArrivalTimeout)
		return err
	}); err != nil {
		return nil, err
	}
	defer conn.Close()
	transport := &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	client := http.Client{Transport: transport, Timeout: ArrivalTimeout}
	r, err := client.Get("http://localhost/metrics")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: %s", r.Status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(r.Body)
}

// Sum adds up the values of a family whose labels are among others as given: name, value,
// and so on.
func (m Metrics) Sum(family string, labels ...string) (sum float64) {
	for _, one := range m[family].GetMetric() {
		if has(one, labels) {
			sum += one.GetCounter().GetValue() + one.GetGauge().GetValue() +
				float64(one.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// has reports whether a metric has labels.
func has(one *dto.Metric, labels []string) bool {
	for pair := range slices.Chunk(labels, 2) {
		if !slices.ContainsFunc(one.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == pair[0] && l.GetValue() == pair[1]
		}) {
			return false
		}
	}
	return true
}

// Scrapes waits until metrics are as they should be: what is shown may be a moment old.
func Scrapes(t testing.TB, host *netlab.Host, listen, what string, ok func(Metrics) bool) Metrics {
	t.Helper()
	deadline := time.Now().Add(EnoughTime(t))
	for {
		m, err := Scrape(host, listen)
		if err == nil && ok(m) {
			return m
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for metrics: %s: %v, %v", what, err, m)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// CountedStatus is of `sgfw status -o json` what metrics are made of.
type CountedStatus struct {
	Policy struct {
		Generation uint64
	}
	Interfaces []struct {
		Covered []struct {
			Name      string
			Available int `json:"conntrack_allowance_available"`
		}
	}
	Queues []struct {
		Number  uint16
		Packets uint64
		Batches struct {
			Count, Nanoseconds uint64
			Within             []struct{ Count uint64 }
		}
	}
	Flows struct {
		Live    int
		Created uint64
	}
	Verdicts []struct {
		Verdict, Reason          string
		Packets, Ingress, Egress uint64
	}
	Metrics *struct{ Listen, Failure string }
}
