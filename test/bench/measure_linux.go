package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// cell identifies one measurement: position, firewall and row.
type cell struct {
	pos      position
	firewall string
	row      string
}

// results holds what one run measured.
type results struct {
	machine     machine
	repetitions int
	window      time.Duration
	positions   []position
	firewalls   []string
	loads       []load
	rows        []row
	absent      []firewall
	// without are loads that cannot be made here.
	without []load
	samples map[cell]sample
	// expenses are the CPU time of each load; the cell's row is the load's name.
	expenses map[cell]*expense
	// memory is what flows cost, by firewall.
	memory map[string]memoryUse
	failed []string
}

// measureAll runs every firewall under every load, in interleaved repetitions.
func measureAll(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "sgfw-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	res := &results{
		machine: thisMachine(), repetitions: o.repetitions, window: o.window,
		samples: make(map[cell]sample), expenses: make(map[cell]*expense),
		memory: make(map[string]memoryUse),
	}
	fws := choose(o.only, firewalls(o, dir), func(f firewall) string { return f.name })
	fws = slices.DeleteFunc(fws, func(f firewall) bool {
		if f.absent != "" {
			res.absent = append(res.absent, f)
		}
		return f.absent != ""
	})
	ls := choose(o.only, loads(), func(l load) string { return l.name })
	ls = slices.DeleteFunc(ls, func(l load) bool {
		if l.absent != "" {
			fmt.Fprintf(os.Stderr, "NOT MEASURED: %s: %s\n", l.name, l.absent)
			res.without = append(res.without, l)
		}
		return l.absent != ""
	})
	res.loads = ls
	res.positions = choose(o.only, positions(), func(p position) string { return string(p) })
	for _, f := range fws {
		res.firewalls = append(res.firewalls, f.name)
	}
	for i := range ls {
		res.rows = append(res.rows, ls[i].rows()...)
	}

	for rep := range o.repetitions {
		for _, pos := range res.positions {
			for i := range fws {
				// Each repetition begins with another firewall, so that none is always first.
				f := fws[(i+rep)%len(fws)]
				fmt.Fprintf(os.Stderr, "\r\033[K%d/%d %s: %s", rep+1, o.repetitions, pos, f.name)
				if err := res.measure(ctx, pos, f, ls, o.window); err != nil {
					return err
				}
			}
		}
	}
	for _, f := range fws {
		fmt.Fprintf(os.Stderr, "\r\033[Kmemory: %s", f.name)
		if err := res.measureMemory(ctx, f, o); err != nil {
			return err
		}
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	return report(res, o)
}

// choose keeps the elements whose names contain one of the texts of only, or all if none
// does. Upper and lower case are the same.
func choose[T any](only []string, all []T, name func(T) string) []T {
	var kept []T
	for _, t := range all {
		if slices.ContainsFunc(only, func(words string) bool {
			return strings.Contains(strings.ToLower(name(t)), strings.ToLower(words))
		}) {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

// measure runs all loads once through one firewall.
func (r *results) measure(
	ctx context.Context, pos position, f firewall, ls []load, window time.Duration,
) (err error) {
	p, err := pos.build()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	fw, err := f.start(ctx, p)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	defer func() {
		// A firewall that does not stop cleanly is reported and does not end the run.
		if stopErr := fw.stop(); stopErr != nil {
			fmt.Fprintln(os.Stderr, stopErr)
			r.failed = append(r.failed, fmt.Sprintf("%s, %s: stop: %v", pos, f.name, firstLine(stopErr)))
		}
	}()
	for i := range ls {
		l := &ls[i]
		before, err := p.usage(fw.pid)
		if err != nil {
			return err
		}
		start := time.Now()
		values, err := l.run(ctx, p.ends, l.lasts(window))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		took := time.Since(start)
		after, usageErr := p.usage(fw.pid)
		err = errors.Join(err, usageErr)
		if err != nil {
			r.failed = append(r.failed, fmt.Sprintf("%s, %s, %s: %v", pos, f.name, l.name, err))
			continue
		}
		at := cell{pos, f.name, l.name}
		if r.expenses[at] == nil {
			r.expenses[at] = new(expense)
		}
		r.expenses[at].add(after.since(before), l, took)
		for j, row := range l.rows() {
			k := cell{pos, f.name, row.name}
			r.samples[k] = append(r.samples[k], values[j]/row.scale)
		}
		runtime.GC() // while no load runs
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
