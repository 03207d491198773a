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

// memoryFlows is how many flows are opened to weigh them.
const memoryFlows = 100_000

// measureMemory opens flows through a firewall that keeps a table: sgfw, whose
// process is weighed, and nftables, whose connections the kernel counts.
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
		// All namespaces share one slab; what other ones have comes and goes.
		before, err := connectionSlab()
		if err != nil {
			return nil // /proc/slabinfo is the machine's to show
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

// openFlows sends one datagram for each of n pairs of ports, in steps small
// enough for every queue.
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
		left := n
		for source := 10_000; left > 0; source++ {
			fd, err := socketIn(unix.SOCK_DGRAM)
			if err != nil {
				return err
			}
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: source})
			for i := 0; err == nil && i < sinks && left > 0; i++ {
				err = unix.Sendto(fd, []byte{1}, 0, sockaddr(p.ends.port(portMemory+i)))
				left--
			}
			unix.Close(fd)
			if err != nil {
				return fmt.Errorf("flow from port %d: %w", source, err)
			}
			if source%64 == 0 {
				nap(3 * time.Millisecond)
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

// connectionSlab is what the kernel's connections take, in bytes.
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
