package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// usage is what a machine has done since it started.
type usage struct {
	// machine is the time that all CPUs were not idle, in steps of 10 ms. It has everything:
	// the load makers, interrupts, and what else runs.
	machine time.Duration
	// process is the CPU time of the firewall's process, 0 for one inside the kernel. It has
	// the way of packets through the kernel after a verdict, which happens in the call that
	// writes the verdict.
	process time.Duration
	// packets have crossed the firewall's device on the client's side, both ways. As many
	// have met the firewall, but for those that were lost in front of it. A large segment that
	// crosses in one piece is one packet.
	packets uint64
	// segments are those that TCP of client and server has sent, and resent are those of them
	// that it sent again: they were lost, or others overtook them.
	segments, resent uint64
}

// usage reads what was used until now, with the firewall's process pid, or 0.
func (p *place) usage(pid int) (u usage, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	if u.machine, err = busyTime(stat); err != nil {
		return u, err
	}
	if pid != 0 {
		var ts unix.Timespec
		// The clock of a process, as clock_getcpuclockid(3) computes it.
		if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
			return u, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		u.process = time.Duration(ts.Nano())
	}
	devices, err := p.fw.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return u, err
	}
	if u.packets, err = packetsOf(devices, p.device()); err != nil {
		return u, err
	}
	for _, h := range []*netlab.Host{p.ends.client, p.ends.server} {
		b, err := h.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return u, err
		}
		sent, again, err := segmentsOf(b)
		if err != nil {
			return u, err
		}
		u.segments, u.resent = u.segments+sent, u.resent+again
	}
	return u, nil
}

// since returns what was used after earlier.
func (u usage) since(earlier usage) usage {
	return usage{
		machine: u.machine - earlier.machine, process: u.process - earlier.process,
		packets:  u.packets - earlier.packets,
		segments: u.segments - earlier.segments, resent: u.resent - earlier.resent,
	}
}

// tick is the unit of /proc/stat, which is the same on all architectures (USER_HZ).
const tick = 10 * time.Millisecond

var errNoCPULine = errors.New("/proc/stat does not begin with the sum of all CPUs")

// busyTime returns the time that CPUs have worked: user, nice, system, irq and softirq of
// the first line of /proc/stat, and not idle, iowait and what the hypervisor took.
func busyTime(stat []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 8 || f[0] != "cpu" {
		return 0, errNoCPULine
	}
	sum := int64(0)
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// packetsOf returns the packets that a device has received and sent, from /proc/net/dev.
func packetsOf(devices []byte, name string) (uint64, error) {
	for line := range bytes.Lines(devices) {
		device, rest, _ := strings.Cut(string(line), ":")
		f := strings.Fields(rest)
		if strings.TrimSpace(device) != name || len(f) < 16 {
			continue
		}
		in, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/dev: %w", err)
		}
		out, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/dev: %w", err)
		}
		return in + out, nil
	}
	return 0, fmt.Errorf("/proc/net/dev has no device %s", name)
}

// segmentsOf returns how many segments TCP has sent, and how many of them again, from
// /proc/net/snmp: OutSegs, which leaves those out that were sent again, and RetransSegs.
func segmentsOf(snmp []byte) (sent, again uint64, err error) {
	var names, values []string
	for line := range bytes.Lines(snmp) {
		if f := strings.Fields(string(line)); len(f) > 0 && f[0] == "Tcp:" {
			names, values = values, f
		}
	}
	for want, to := range map[string]*uint64{"OutSegs": &sent, "RetransSegs": &again} {
		i := slices.Index(names, want)
		if i < 0 || i >= len(values) {
			return 0, 0, fmt.Errorf("/proc/net/snmp has no %s of Tcp", want)
		}
		if *to, err = strconv.ParseUint(values[i], 10, 64); err != nil {
			return 0, 0, fmt.Errorf("/proc/net/snmp: %w", err)
		}
	}
	return sent + again, again, nil
}

// expense is what a firewall costs under a load, one value for each repetition.
type expense struct {
	// machine and process are the CPU time of the machine and of the firewall's process: µs
	// for each packet; of a load without packets percent of one CPU.
	machine, process sample
	// share is the CPU time of the firewall's process in percent of one CPU.
	share sample
	// resent are the segments that TCP sent again, in percent of all that it sent.
	resent sample
}

// add notes what one repetition used within a time.
func (e *expense) add(u usage, l *load, took time.Duration) {
	e.share = append(e.share, 100*float64(u.process)/float64(took))
	unit := float64(u.packets) * float64(time.Microsecond)
	if l.idle() {
		unit = float64(took) / 100
	}
	if unit == 0 {
		return
	}
	e.machine = append(e.machine, float64(u.machine)/unit)
	e.process = append(e.process, float64(u.process)/unit)
	if u.segments > 0 {
		e.resent = append(e.resent, 100*float64(u.resent)/float64(u.segments))
	}
}
