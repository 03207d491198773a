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

// options are the flags of the command line.
type options struct {
	sgfw        string
	repetitions int
	window      time.Duration
	only        []string
	docs        string
	quick       bool
	scale       bool
	policies    bool
	settings    bool
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
	flag.IntVar(&o.repetitions, "repetitions", 5,
		"how often each firewall is measured under each load")
	flag.DurationVar(&o.window, "window", 700*time.Millisecond, "how long each load is measured")
	flag.Func("only", "run the firewalls, loads, positions or tables whose names contain `text`; "+
		"given several times, one of the texts", func(text string) error {
		if text == "" {
			return errors.New("an empty text chooses everything")
		}
		o.only = append(o.only, text)
		return nil
	})
	flag.StringVar(&o.docs, "docs", "",
		"directory to write benchmarks.md and benchmarks.svg, scale.md or large-policies.md to")
	flag.BoolVar(&o.quick, "quick", false,
		"a short run that tests the program; its numbers say nothing")
	flag.BoolVar(&o.settings, "settings", false,
		"also measure sgfw with other queues, views and devices; doubles the time")
	flag.BoolVar(&o.scale, "scale", false,
		"measure how cost grows with rules, flows, interfaces and queues")
	flag.BoolVar(&o.policies, "policies", false,
		"measure commands that read large policies; needs no root")
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
	if o.policies {
		if o.quick {
			o.repetitions = 1
		}
		return measurePolicies(ctx, o)
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root to create network namespaces")
	}
	// The scheduler does not know that a thread waits in a raw system call. There must be
	// more processors than threads that wait.
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

// withoutPreemption restarts the program with the scheduler's preemption signals off. They
// would interrupt threads that wait in system calls.
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
