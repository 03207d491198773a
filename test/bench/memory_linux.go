package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// memoryUse is what flows cost.
type memoryUse struct {
	flows int
	// bytes are resident in the firewall's process, or in the kernel's table of
	// connections.
	bytes int64
}

func (m memoryUse) perFlow() float64 { return float64(m.bytes) / float64(m.flows) }

// memoryFlows is how many flows are opened to measure their memory.
const memoryFlows = 100_000

// measureMemory opens flows through a firewall that keeps a table. For sgfw it measures the
// resident memory of the process, for nftables the kernel's slab of connections.
func (r *results) measureMemory(ctx context.Context, f firewall, o options) (err error) {
	kernel := f.name == nameNFTables
	if !kernel && !strings.HasPrefix(f.name, "sgfw") {
		return nil
	}
	want := memoryFlows
	if o.quick {
		want = 2000
	}
	p, err := host.build()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	fw, err := f.start(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fw.stop()) }()
	if kernel {
		// All namespaces share one slab, so other ones add noise.
		before, err := connectionSlab()
		if err != nil {
			return nil // not every machine shows /proc/slabinfo
		}
		if err := openFlows(p.ends.client, p, want); err != nil {
			return err
		}
		after, err := connectionSlab()
		if err != nil {
			return err
		}
		r.memory[f.name] = memoryUse{flows: want, bytes: after - before}
		return nil
	}
	before, err := resident(fw.pid)
	if err != nil {
		return err
	}
	if err := openFlows(p.ends.client, p, want); err != nil {
		return err
	}
	if err := sleep(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	after, err := resident(fw.pid)
	if err != nil {
		return err
	}
	r.memory[f.name] = memoryUse{flows: want, bytes: after - before}
	return nil
}

// scaleMemory measures the whole process with flows of real packets in its table.
func scaleMemory(ctx context.Context, o options) (sheet, error) {
	s := sheet{
		title: "Memory",
		text: "Resident memory of a daemon that has judged one datagram of each flow, with room for a " +
			"million (`max_flows`).",
		head: []string{"flows", "resident", "more than without flows, each"},
	}
	sizes := []int{0, 1000, 100_000, 1_000_000}
	if o.quick {
		sizes = []int{0, 1000}
	}
	var empty int64
	for _, n := range sizes {
		bytes, err := memoryWith(ctx, o, n)
		if err != nil {
			return s, fmt.Errorf("%d flows: %w", n, err)
		}
		each := "–"
		if n == 0 {
			empty = bytes
		} else {
			each = number(float64(bytes-empty) / float64(n))
		}
		s.add(thousands(n), fmt.Sprintf("%s MB", number(float64(bytes)/1e6)), each)
	}
	return s, nil
}

// memoryWith is the resident memory of a fresh daemon that has n flows.
func memoryWith(ctx context.Context, o options, n int) (bytes int64, err error) {
	p, err := host.build()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	fw, err := sgfw(o, "", 10, "  max_flows: 1100000").start(ctx, p)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, fw.stop()) }()
	if err := openFlows(p.ends.client, p, n); err != nil {
		return 0, err
	}
	if err := sleep(ctx, 200*time.Millisecond); err != nil {
		return 0, err
	}
	if bytes, err = resident(fw.pid); err != nil {
		return 0, err
	}
	if have, err := fw.status(); err != nil {
		return 0, err
	} else if have.Flows.Live < n {
		return 0, fmt.Errorf("only %d were opened", have.Flows.Live)
	}
	return bytes, nil
}

// openFlows sends one datagram for each of n pairs of ports, in steps small enough that no
// queue overflows.
func openFlows(client *netlab.Host, p *place, n int) error {
	c := new(crew)
	const sources = 20_000 // from port 10,000 on
	sinks := (n + sources - 1) / sources
	for i := range sinks {
		if _, err := c.listen(p.ends.server, unix.SOCK_DGRAM, p.ends.port(portMemory+i)); err != nil {
			return errors.Join(err, c.end())
		}
	}
	err := client.Do(func() error {
		const step = 64
		left := n
		for source := 10_000; left > 0; source++ {
			fd, err := socketIn(unix.SOCK_DGRAM)
			if err != nil {
				return err
			}
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: source})
			for i := 0; err == nil && i < sinks && left > 0; i++ {
				err = unix.Sendto(fd, []byte{1}, 0, sockaddr(p.ends.port(portMemory+i)))
				if left--; left%step == 0 {
					nap(300 * time.Microsecond)
				}
			}
			unix.Close(fd)
			if err != nil {
				return fmt.Errorf("flow from port %d: %w", source, err)
			}
		}
		return nil
	})
	return errors.Join(err, c.end())
}

// resident is the memory of a process in bytes.
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm: %q", pid, b)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// connectionSlab is the memory of the kernel's connection-tracking entries, in bytes.
func connectionSlab() (int64, error) {
	b, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		// name, active objects, objects, object size, …
		f := strings.Fields(string(line))
		if len(f) > 3 && f[0] == "nf_conntrack" {
			n, err1 := strconv.ParseInt(f[2], 10, 64)
			size, err2 := strconv.ParseInt(f[3], 10, 64)
			return n * size, errors.Join(err1, err2)
		}
	}
	return 0, errors.New("/proc/slabinfo does not list nf_conntrack")
}
