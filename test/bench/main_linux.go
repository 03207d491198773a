package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	sgfw        string
	repetitions int
	window      time.Duration
	only        string
	docs        string
	quick       bool
	scale       bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == goNFQueueCommand {
		if err := serveGoNFQueue(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.sgfw, "sgfw", "bin/sgfw", "the program to measure")
	flag.IntVar(&o.repetitions, "repetitions", 5, "how often each firewall meets each load")
	flag.DurationVar(&o.window, "window", time.Second, "how long one load is measured")
	flag.StringVar(&o.only, "only", "", "comma-separated words: keep the firewalls, loads and positions that contain one of their kind")
	flag.StringVar(&o.docs, "docs", "", "folder to write benchmarks.md and benchmarks.svg, or scale.md, into")
	flag.BoolVar(&o.quick, "quick", false, "a short run that proves the harness and no number")
	flag.BoolVar(&o.scale, "scale", false, "measure what grows with rules, flows, interfaces and queues")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: unexpected", strings.Join(flag.Args(), " "))
		os.Exit(2)
	}
	if err := withoutPreemption(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces")
	}
	// Threads that wait in a raw system call keep their processor in the
	// scheduler's eyes: there must be more than ever wait.
	runtime.GOMAXPROCS(128)
	debug.SetGCPercent(-1)
	if o.quick {
		o.repetitions, o.window = 1, 60*time.Millisecond
	}
	if o.scale {
		return measureScale(ctx, o)
	}
	return measureAll(ctx, o)
}

// withoutPreemption begins the program anew with the scheduler's signals off: a
// thread that waits in a system call must not be woken by them.
func withoutPreemption() error {
	const setting = "asyncpreemptoff=1"
	if strings.Contains(os.Getenv("GODEBUG"), setting) {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, append(os.Environ(), "GODEBUG="+setting))
}
