package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"sgfw/cmd/internal/api"
)

// prefix begins the name of every family.
const prefix = "sgfw_"

// Family is one kind of metric. Labels take few values: none is an address, a port, a rule or
// anything else that a sender of packets chooses.
type Family struct {
	// Name has the prefix.
	Name string
	// Type is "counter", "gauge" or "histogram".
	Type string
	Help string
	// Labels are the names of its labels, nil for none.
	Labels []string

	desc *prometheus.Desc
	// read puts the values of a status document, each with the values of Labels.
	read func(s *api.Status, put putter)
	// spans puts those of a histogram, in place of read.
	spans func(s *api.Status, put spanPutter)
}

// putter takes a value and the values of its labels.
type putter func(value float64, labels ...string)

// spanPutter takes a histogram of times and the values of its labels.
type spanPutter func(b api.BatchStatus, labels ...string)

// Families lists all of them in the order of the documentation. The list is new each time.
func Families() []Family { return slices.Clone(families) }

var families = described(slices.Concat(daemonFamilies, packetFamilies, flowFamilies,
	queueFamilies, failureFamilies))

// described completes families.
func described(list []Family) []Family {
	for i := range list {
		f := &list[i]
		f.Name = prefix + f.Name
		f.desc = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
	}
	return list
}

func gauge(name, help string, read func(*api.Status, putter), labels ...string) Family {
	return Family{Name: name, Type: "gauge", Help: help, Labels: labels, read: read}
}

func counter(name, help string, read func(*api.Status, putter), labels ...string) Family {
	return Family{Name: name, Type: "counter", Help: help, Labels: labels, read: read}
}

// one is a family with one value, and no labels.
func one[N int | uint64](of func(*api.Status) N) func(*api.Status, putter) {
	return func(s *api.Status, put putter) { put(float64(of(s))) }
}

// whether is 1 where something is so, else 0.
func whether(is func(*api.Status) bool) func(*api.Status, putter) {
	return func(s *api.Status, put putter) {
		if is(s) {
			put(1)
		} else {
			put(0)
		}
	}
}

// collector shows one status document.
type collector struct{ status *api.Status }

// Describe implements [prometheus.Collector].
func (collector) Describe(out chan<- *prometheus.Desc) {
	for i := range families {
		out <- families[i].desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(out chan<- prometheus.Metric) {
	for i := range families {
		f := &families[i]
		if f.spans != nil {
			f.spans(c.status, func(b api.BatchStatus, labels ...string) {
				out <- f.histogram(b, labels)
			})
			continue
		}
		kind := prometheus.GaugeValue
		if f.Type == "counter" {
			kind = prometheus.CounterValue
		}
		f.read(c.status, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(f.desc, kind, value, labels...)
		})
	}
}

// histogram is what a queue counted of its batches, in seconds.
func (f *Family) histogram(b api.BatchStatus, labels []string) prometheus.Metric {
	const second = 1e9
	buckets := make(map[float64]uint64, len(b.Within))
	for _, w := range b.Within {
		buckets[float64(w.Nanoseconds)/second] = w.Count
	}
	return prometheus.MustNewConstHistogram(f.desc, b.Count, float64(b.Nanoseconds)/second, buckets,
		labels...)
}
