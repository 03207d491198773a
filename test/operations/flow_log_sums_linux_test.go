package operations

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// sum adds up a field of the records that match.
func sum(t *testing.T, records []harness.FlowRecord, field string, values ...string) (n uint64) {
	t.Helper()
	for _, r := range records {
		if !r.Matches(values...) {
			continue
		}
		v, err := strconv.ParseUint(r[field], 10, 64)
		if err != nil {
			t.Fatalf("%s of %v: %v", field, r, err)
		}
		n += v
	}
	return n
}

// lasted is how many seconds are between start and end of a record.
func lasted(t *testing.T, r harness.FlowRecord) int64 {
	t.Helper()
	start, err := strconv.ParseInt(r["start"], 10, 64)
	end, err2 := strconv.ParseInt(r["end"], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatalf("times of %v: %v", r, err)
	}
	return end - start
}

// judged counts packets by verdict, without those that flow logs leave out (F13).
func judged(s harness.StatusDocument, verdict string) (n uint64) {
	for _, v := range s.Verdicts {
		if v.Verdict == verdict && v.Reason != "failsafe" && !strings.HasPrefix(v.Reason, "exempt") {
			n += v.Packets
		}
	}
	return n
}

// TestFlowLogAddsUp: over several windows every packet that got a verdict is in one record,
// with its verdict; an interface without traffic has a line for each window.
func TestFlowLogAddsUp(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "F10", "F11")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	folder := t.TempDir()
	policy := harness.PolicyWith(append(harness.AllowPing(), harness.Allow("tcp", harness.Inward),
		harness.Allow("udp", harness.Inward)), nil,
		harness.FlowLog(folder, "aggregation_interval: 1, file_format: gzip"))
	policy = strings.Replace(policy, "settings:",
		"  - { device: idle0, mode: guest, security_groups: [state] }\nsettings:", 1)
	err := server.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "idle0"}, PeerName: "idle1"})
	if err != nil {
		t.Fatal(err)
	}
	d := harness.Enforce(t, server, policy)
	near, far := harness.IP("192.0.2.1"), harness.IP("192.0.2.2")
	harness.Echoes(t, server, far, harness.Inward)
	load := harness.StartEchoExchange(t, client, harness.AddrPort(far, harness.Inward),
		time.Millisecond)
	for range 5 {
		if !harness.Connects(t, client, harness.AddrPort(near, harness.UnusedPort()),
			harness.AddrPort(far, harness.Inward), harness.ArrivalTimeout) {
			t.Error("no connection")
		}
		if harness.Connects(t, client, harness.AddrPort(near, harness.UnusedPort()),
			harness.AddrPort(far, harness.Inward+1), harness.SilenceTimeout/2) {
			t.Error("connected without a rule")
		}
		if !harness.Pings(t, client, near, far, harness.ArrivalTimeout) {
			t.Error("no answer to a ping")
		}
		if !harness.Pings(t, client, harness.IP("2001:db8::1"), harness.IP("2001:db8::2"),
			harness.ArrivalTimeout) {
			t.Error("no answer to a ping of IPv6")
		}
	}
	load.Finish()
	time.Sleep(2*harness.CountedWithin() + harness.SilenceTimeout)
	status := d.Status()
	d.Stop()
	records := harness.FlowRecords(t, folder)
	for action, verdict := range map[string]string{"ACCEPT": "accept", "REJECT": "drop"} {
		got, want := sum(t, records, "packets", "action="+action), judged(status, verdict)
		if got != want || got == 0 {
			t.Errorf("%d packets with %s in records, %d counted: %v", got, action, want, status.Verdicts)
		}
	}
	// A window of a second closes when the daemon collects next, which is up to a quarter of a
	// second later, or more where the machine is busy. How long it was, the lines of the
	// interface without traffic say: no record may be longer than the longest of them.
	windows, idle, longest := make(map[string]bool), 0, int64(1)
	for _, r := range records {
		if r.Matches("log-status=NODATA") {
			longest = max(longest, lasted(t, r))
		}
	}
	for _, r := range records {
		switch {
		case r.Matches("log-status=NODATA", "srcaddr=-", "dstaddr=-", "srcport=-", "dstport=-",
			"protocol=-", "packets=-", "bytes=-", "action=-"):
			windows[r["start"]] = true
			idle++
		case r.Matches("log-status=OK"):
			if took := lasted(t, r); took < 0 || took > longest {
				t.Errorf("longer than a window, %d s: %v", longest, r)
			}
		default:
			t.Errorf("an odd record: %v", r)
		}
	}
	if idle < 2 || len(windows) < 2 {
		t.Errorf("%d lines of an interface without traffic, in %d windows: %v", idle, len(windows),
			records)
	}
}

// TestFlowLogFullDisk: a disk without room delays no verdict and loses records, which status
// says; the file has whole lines, and once there is room again it says of which interface
// something is missing.
func TestFlowLogFullDisk(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "F11", "F14")
	for _, format := range []string{"text", "gzip"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			filler := filepath.Join(folder, "filler")
			if err := fill(filler); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("the disk is not full: %v", err)
			}
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server")
			d := harness.Enforce(t, server, harness.PolicyWith(
				[]string{harness.Allow("udp", harness.Inward)}, nil,
				harness.FlowLog(folder, "aggregation_interval: 1, file_format: "+format)))
			to := harness.AddrPort(harness.IP("192.0.2.2"), harness.Inward)
			harness.Echoes(t, server, to.Addr(), harness.Inward)
			ask := func(what string) {
				t.Helper()
				if !harness.Exchanges(t, client, "udp", netip.AddrPort{}, to, harness.ArrivalTimeout) {
					t.Errorf("%s: no answer", what)
				}
			}
			lost := d.Becomes(t, "records to be lost", func(s harness.StatusDocument) bool {
				ask("while the disk is full")
				return s.FlowLog.Lost > 0
			})
			if lost.State != "degraded" || !strings.Contains(lost.FlowLog.Failure, "no space left") {
				t.Errorf("%s, %+v, %q", lost.State, lost.FlowLog, lost.Degraded)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			ask("with room again")
			now := d.Becomes(t, "records to be written", func(s harness.StatusDocument) bool {
				return s.FlowLog.Failure == "" && s.FlowLog.Written > lost.FlowLog.Written
			})
			if now.State != "running" {
				t.Errorf("%s: %q", now.State, now.Degraded)
			}
			d.Stop()
			skipped := 0
			for _, r := range harness.FlowRecords(t, folder) {
				if r.Matches("log-status=SKIPDATA", "srcaddr=-", "dstaddr=-", "srcport=-", "dstport=-",
					"protocol=-", "packets=-", "bytes=-", "action=-") {
					skipped++
				} else if r["log-status"] == "SKIPDATA" {
					t.Errorf("%v", r)
				}
			}
			if skipped == 0 {
				t.Error("no line says that records are missing")
			}
		})
	}
}

// fill writes to a file until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return err
		}
	}
}
