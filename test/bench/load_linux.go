package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sgfw/test/netlab"
)

// Ports of the server. All loads stay inside servicePorts.
const (
	portStream  = 5001
	portUDP     = 5002
	portTrip    = 5003
	portReplies = 5004
	portPaced   = 5005
	portSteady  = 5006
	portIperf   = 5010
	portConnect = 5100 // and the next connectThreads-1
	portMemory  = 5200 // and the next
	firstPort   = 5000
	lastPort    = 5999
)

// ends are the two sides of a load.
type ends struct {
	client, server *netlab.Host
	// at is the server's address.
	at netip.Addr
}

func (e ends) port(n int) netip.AddrPort { return netip.AddrPortFrom(e.at, uint16(n)) }

// better says whether a higher or a lower number of a load is better.
type better uint8

const (
	higher better = iota
	lower
)

// load is a kind of traffic and what is measured of it.
type load struct {
	name, unit string
	better     better
	// scale divides the values that run returns into the unit of the table.
	scale float64
	run   runLoad
	// windows is for how many windows it is measured, 0 for one: what a firewall keeps of
	// connections that have ended shows after seconds.
	windows int
	// parts name the values that run returns, one row each.
	parts []string
	// second is the name of another load that measures the same in another way, or "".
	second string
	// absent is why it cannot be measured here, or "".
	absent string
}

// idle reports whether the load makes no traffic.
func (l *load) idle() bool { return l.unit == "" }

// lasts is for how long it is measured.
func (l *load) lasts(window time.Duration) time.Duration {
	return window * time.Duration(max(1, l.windows))
}

// even reports whether the load makes as many packets a second whatever the firewall is: then
// what a firewall takes of a CPU can be compared.
func (l *load) even() bool {
	return l.idle() || l.name == nameSteady || strings.HasPrefix(l.name, "round trip at ")
}

// runLoad runs a load for a window of time and returns what it measured.
type runLoad func(ctx context.Context, e ends, window time.Duration) ([]float64, error)

var errNothing = errors.New("nothing came through")

// nameSteady is the load that tells what established traffic costs.
const nameSteady = "UDP 64 B, steady"

// tripParts are the values of a load of round trips.
var tripParts = []string{"p50", "p99"}

func loads() []load {
	list := []load{
		{name: "idle", run: rest},
		{name: "TCP, 1 stream", unit: "Gbit/s", scale: 1e9, run: streams(1)},
		{name: "TCP, 1 stream, iperf3", unit: "Gbit/s", scale: 1e9, run: iperf(1)},
		{name: "TCP, 8 streams", unit: "Gbit/s", scale: 1e9, run: streams(8)},
		{name: "TCP, 8 streams, iperf3", unit: "Gbit/s", scale: 1e9, run: iperf(8)},
		{name: "UDP 64 B, overload", unit: "kpps", scale: 1e3, run: overload},
		{name: "UDP 64 B, 256 in flight", unit: "kpps", scale: 1e3, run: closedLoop},
		{name: "UDP 64 B, 64 flows with replies", unit: "kpps", scale: 1e3, run: replies},
		{name: nameSteady, unit: "kpps", scale: 1e3, run: steady},
		{name: "TCP connect/close", unit: "conn/s", scale: 1, run: connections, windows: 6},
		{name: "round trip, two CPUs", run: roundTrips(0, 1), parts: tripParts},
		{name: "round trip, one CPU", run: roundTrips(0, 0), parts: tripParts},
	}
	for _, packets := range []int{1000, 20_000} {
		list = append(list, load{
			name: fmt.Sprintf("round trip at %s packets/s", thousands(packets)),
			run:  paced(packets), parts: tripParts,
		})
	}
	for i := range list {
		l := &list[i]
		if l.parts != nil {
			l.unit, l.better, l.scale = "µs", lower, 1e3
		}
		if of, ok := strings.CutSuffix(l.name, ", iperf3"); ok {
			l.absent = iperfMissing()
			list[i-1].second = l.name
			if list[i-1].name != of {
				panic("bench: iperf3 has to come after what it repeats")
			}
		}
	}
	return list
}

// row is one number of a load.
type row struct {
	name, unit string
	better     better
	scale      float64
	// load is the load's name, and second the row that measures the same, or "".
	load, second string
}

// rows are the rows of the values that a load's run returns.
func (l *load) rows() []row {
	if l.idle() {
		return nil
	}
	if l.parts == nil {
		return []row{{l.name, l.unit, l.better, l.scale, l.name, l.second}}
	}
	var out []row
	for _, p := range l.parts {
		out = append(out,
			row{fmt.Sprintf("%s, %s", l.name, p), l.unit, l.better, l.scale, l.name, ""})
	}
	return out
}

// rate returns how fast total grows during window, per second. It first waits until total
// grows at all, for up to 20 windows, and then for a fifth of a window.
func rate(ctx context.Context, c *crew, window time.Duration, total func() int64) (float64, error) {
	deadline := time.Now().Add(20*window + 100*time.Millisecond)
	for ; total() == 0; time.Sleep(time.Millisecond) {
		if c.failed() {
			return 0, nil // c.end returns the error
		}
		if time.Now().After(deadline) {
			return 0, errNothing
		}
	}
	if err := sleep(ctx, window/5); err != nil {
		return 0, err
	}
	from, start := total(), time.Now()
	if err := sleep(ctx, window); err != nil {
		return 0, err
	}
	return float64(total()-from) / time.Since(start).Seconds(), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// one returns the result of a load with a single value.
func one(v float64, errs ...error) ([]float64, error) {
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return []float64{v}, nil
}
