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
)

// carriedPatience is how long flows are kept alive at most until the kernel carries all of
// them. On a machine that does other work it takes fewer than were asked for: it has no memory
// for counters at once (percpu, allocated by packets).
const carriedPatience = 100 * time.Second

// carriedUse is what flows cost that the kernel carries.
type carriedUse struct {
	// flows are how many have proven themselves and are carried at the same time.
	flows int
	// daemon is the resident memory of the process.
	daemon int64
	kernel kernelMemory
	// kept is the size of the file that keeps flows over a restart.
	kept int64
}

// kernelMemory is memory that the kernel has taken for itself, in bytes.
type kernelMemory struct {
	slab, percpu, vmalloc int64
}

func (k kernelMemory) sum() int64 { return k.slab + k.percpu + k.vmalloc }

func (k kernelMemory) since(earlier kernelMemory) kernelMemory {
	return kernelMemory{k.slab - earlier.slab, k.percpu - earlier.percpu, k.vmalloc - earlier.vmalloc}
}

// memoryOfKernel reads what the kernel has taken for itself. It is that of all namespaces: other
// work on the machine adds noise.
func memoryOfKernel() (kernelMemory, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return kernelMemory{}, err
	}
	return parseMeminfo(b)
}

func parseMeminfo(b []byte) (k kernelMemory, err error) {
	found := 0
	for line := range bytes.Lines(b) {
		name, rest, _ := strings.Cut(string(line), ":")
		into := map[string]*int64{
			"Slab": &k.slab, "Percpu": &k.percpu, "VmallocUsed": &k.vmalloc,
		}[name]
		f := strings.Fields(rest)
		if into == nil || len(f) != 2 || f[1] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return k, fmt.Errorf("/proc/meminfo: %w", err)
		}
		*into = n << 10
		found++
	}
	if found != 3 {
		return k, errors.New("/proc/meminfo does not say how much memory the kernel has taken")
	}
	return k, nil
}

// scaleCarried measures daemon and kernel with flows that the kernel carries.
func scaleCarried(ctx context.Context, o options) (sheet, error) {
	s := sheet{
		title: "Carried flows",
		text: "Flows of UDP with `datapath: offload` and room for 1,100,000, all carried at the same " +
			"time after real packets both\nways. *Daemon*: its resident memory. *Kernel*: what it has " +
			"taken more than before the first packet. Each flow has\ntwo elements in the kernel's sets: " +
			"*objects* are these (slab), *counters* what counts their packets on each CPU\n(percpu), " +
			"*tables* the sets' hash tables and what percpu memory is managed with (vmalloc). " +
			"*File*: what keeps flows\nover a restart, in tmpfs.",
		head: []string{"flows", "daemon", "kernel, bytes each", "of it objects", "counters", "tables",
			"file"},
	}
	sizes := []int{1000, 100_000, 1_000_000}
	if o.quick {
		sizes = sizes[:1]
	}
	megabytes := func(n int64) string { return number(float64(n)/1e6) + " MB" }
	for _, n := range sizes {
		u, err := carryFlows(ctx, o, n)
		if err != nil {
			return s, fmt.Errorf("%d carried flows: %w", n, err)
		}
		each := func(b int64) string { return number(float64(b) / float64(u.flows)) }
		s.add(thousands(u.flows), megabytes(u.daemon), each(u.kernel.sum()),
			each(u.kernel.slab), each(u.kernel.percpu), each(u.kernel.vmalloc), megabytes(u.kept))
	}
	return s, nil
}

// carryFlows has a fresh daemon and the kernel carry n flows, and returns what that takes at
// the moment when most of them are carried.
func carryFlows(ctx context.Context, o options, n int) (use carriedUse, err error) {
	p, err := forward.build()
	if err != nil {
		return use, err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	fw, err := sgfw(o, "", 10, "  datapath: offload\n  max_flows: 1100000").start(ctx, p)
	if err != nil {
		return use, err
	}
	defer func() { err = errors.Join(err, fw.stop()) }()
	traffic, err := newConversations(p.ends, n)
	if err != nil {
		return use, err
	}
	defer func() { err = errors.Join(err, traffic.end()) }()
	before, err := memoryOfKernel()
	if err != nil {
		return use, err
	}
	defer fmt.Fprint(os.Stderr, "\r\033[K")
	for deadline := time.Now().Add(carriedPatience); use.flows < n-n/200; {
		if late := time.Now().After(deadline); late && use.flows < n/2 {
			return use, fmt.Errorf("%d are carried after %v", use.flows, carriedPatience)
		} else if late {
			break
		}
		if err := traffic.round(ctx); err != nil {
			return use, err
		}
		now, err := carriedNow(fw, before)
		if err != nil {
			return use, err
		}
		fmt.Fprintf(os.Stderr, "\r\033[Kcarried: %s of %s", thousands(now.flows), thousands(n))
		if now.flows > use.flows {
			use = now
		}
	}
	return use, nil
}

// carriedNow is what the flows take that are carried now.
func carriedNow(fw *running, before kernelMemory) (use carriedUse, err error) {
	status, err := fw.status()
	if err != nil {
		return use, err
	}
	kernel, err := memoryOfKernel()
	if err != nil {
		return use, err
	}
	use.flows, use.kernel = status.Offload.Flows, kernel.since(before)
	if use.daemon, err = resident(fw.pid); err != nil {
		return use, err
	}
	files, err := os.ReadDir(fw.runtime)
	if err != nil {
		return use, err
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() {
			use.kept += info.Size()
		}
	}
	return use, nil
}
