package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sgfw/test/netlab"
)

// iperfProgram is asked for TCP streams beside the load makers of this program. It is written
// by others, runs as two processes, and is what users measure with. Debian's package has the
// same name.
const iperfProgram = "iperf3"

// iperfMissing is why iperf3 cannot be asked, or "".
func iperfMissing() string {
	if _, err := exec.LookPath(iperfProgram); err != nil {
		return "not installed"
	}
	return ""
}

// iperf sends over n TCP connections of iperf3, as it does without options, and returns the
// bits a second that its server received. It measures whole seconds: the window is rounded up.
func iperf(n int) runLoad {
	return func(ctx context.Context, e ends, window time.Duration) (_ []float64, err error) {
		seconds := int(math.Ceil(window.Seconds()))
		// A firewall that drops the connection would let the client wait for minutes.
		ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+10*time.Second)
		defer cancel()
		server := e.server.CommandContext(ctx, iperfProgram, "-s", "-1",
			"-B", e.at.String(), "-p", strconv.Itoa(portIperf))
		if err := server.Start(); err != nil {
			return nil, fmt.Errorf("%s: %w", iperfProgram, err)
		}
		defer func() { err = errors.Join(err, kill(server)) }()
		if err := awaitListener(ctx, e.server, portIperf); err != nil {
			return nil, fmt.Errorf("%s: %w", iperfProgram, err)
		}
		client := e.client.CommandContext(ctx, iperfProgram, "-J", "-c", e.at.String(),
			"--connect-timeout", "1000",
			"-p", strconv.Itoa(portIperf), "-t", strconv.Itoa(seconds), "-P", strconv.Itoa(n))
		out, err := client.Output()
		bits, parseErr := iperfReceived(out)
		if parseErr != nil {
			return nil, errors.Join(parseErr, err)
		}
		return []float64{bits}, nil
	}
}

// iperfReceived returns the bits a second of a report in JSON.
func iperfReceived(report []byte) (float64, error) {
	var r struct {
		Error string
		End   struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	switch err := json.Unmarshal(report, &r); {
	case err != nil:
		return 0, fmt.Errorf("%s: what it reports cannot be read: %w", iperfProgram, err)
	case r.Error != "":
		return 0, fmt.Errorf("%s: %s", iperfProgram, r.Error)
	case r.End.Received.Rate <= 0:
		return 0, errNothing
	}
	return r.End.Received.Rate, nil
}

// awaitListener waits until something listens on a TCP port of host.
func awaitListener(ctx context.Context, host *netlab.Host, port int) error {
	want := fmt.Sprintf(":%04X", port)
	for {
		b, err := host.ReadFile("/proc/thread-self/net/tcp")
		if err != nil {
			return err
		}
		for line := range bytes.Lines(b) {
			f := strings.Fields(string(line))
			// 0A is TCP_LISTEN
			if len(f) > 3 && strings.HasSuffix(f[1], want) && f[3] == "0A" {
				return nil
			}
		}
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return fmt.Errorf("nothing listens on port %d: %w", port, err)
		}
	}
}
