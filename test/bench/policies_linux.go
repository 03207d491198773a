package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sgfw/test/bench/bulk"
)

// The account whose policies are measured, and what a command may take of it at most.
const (
	bulkGroups, bulkRules = 1000, 60
	limitTime             = 2 * time.Second
	limitMemory           = 300e6
	bulkPatience          = 60 * time.Second
)

// errNotMeasured says that a program's memory is hidden behind that of the benchmark.
var errNotMeasured = errors.New("the benchmark itself has taken more memory than the program")

// errRefused says that the program does not read so much of a format.
var errRefused = errors.New("refused")

// errSlow says that nobody waits so long.
var errSlow = fmt.Errorf("takes more than %v", bulkPatience)

// use is what one run of the program took.
type use struct {
	// wall is how long somebody waited for it, and processor how long it computed, in seconds.
	wall, processor float64
	// memory is the most that was resident, in bytes.
	memory float64
}

// task is a command that is measured, with the runs that were.
type task struct {
	name string
	args []string
	// size is how much it reads, in bytes, and rules how many a policy of it has.
	size            int64
	rules           int
	wall, processor sample
	memory          sample
	// failed is why there are no numbers, else nil.
	failed error
}

// inputs are the files of one format.
type inputs struct {
	before, after []string
	size          int64
}

// measurePolicies measures commands that read large policies, in each format.
func measurePolicies(ctx context.Context, o options) (err error) {
	m := thisMachine()
	dir, err := os.MkdirTemp("", "sgfw-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	groups := bulkGroups
	if o.quick {
		groups = 10
	}
	chapters := []chapter{
		{sheet: sheet{title: "Import", text: "`sgfw import`: read, and written as a policy file."}},
		{sheet: sheet{title: "Audit", text: "`sgfw audit`: read, and held against all checks."}},
		{sheet: sheet{title: "Diff", text: "`sgfw diff`: two of them read and compared. " +
			"One has another rule in every tenth group."}},
		{sheet: sheet{title: "Check and export", text: "Of a policy file of sgfw."}},
	}
	for i, f := range bulk.Formats() {
		n := groups
		if f.Most > 0 {
			n = min(n, f.Most)
		}
		in, err := writeInputs(filepath.Join(dir, fmt.Sprint(i)), f, bulk.New(n, bulkRules))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		add := func(c int, name string, size int64, args ...string) {
			chapters[c].tasks = append(chapters[c].tasks,
				&task{name: name, args: args, size: size, rules: n * bulkRules})
		}
		add(0, f.Name, in.size, append([]string{"import"}, in.before...)...)
		add(1, f.Name, in.size, append([]string{"audit", "--fail-on", "none"}, in.before...)...)
		if len(in.before) == 1 { // a policy of several files is no argument of diff
			add(2, f.Name, 2*in.size, "diff", in.before[0], in.after[0])
		}
		if i > 0 {
			continue
		}
		add(3, "check", in.size, "check", in.before[0])
		for _, to := range []string{"sgfw", "aws", "terraform", "cloudformation", "nftables"} {
			add(3, "export "+to, in.size, "export", to, in.before[0])
		}
		add(3, "export sgfw --minimal", in.size, "export", "sgfw", "--minimal", in.before[0])
	}
	if err := measureTasks(ctx, o, chapters); err != nil {
		return err
	}
	return reportPolicies(m, o, chapters)
}

// writeInputs writes an account in a format, as it is and changed.
func writeInputs(dir string, f bulk.Format, a bulk.Account) (in inputs, err error) {
	for name, to := range map[string]*[]string{"before": &in.before, "after": &in.after} {
		written := a
		if name == "after" {
			written = a.Changed()
		}
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return in, err
		}
		// Written piece by piece: what the benchmark holds would count as the program's.
		var files []*os.File
		err := f.Write(written, func(name string) io.Writer {
			file, bad := os.Create(filepath.Join(folder, name))
			if bad != nil {
				return failing{bad}
			}
			files = append(files, file)
			return file
		})
		for _, file := range files {
			if fi, bad := file.Stat(); bad == nil && name == "before" {
				in.size += fi.Size()
			}
			err = errors.Join(err, file.Close())
			*to = append(*to, file.Name())
		}
		if err != nil {
			return in, err
		}
	}
	return in, nil
}

// failing is a file that could not be made.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// measureTasks runs all tasks in turn, and that as often as asked for.
func measureTasks(ctx context.Context, o options, chapters []chapter) error {
	for range o.repetitions {
		for _, c := range chapters {
			for _, t := range c.tasks {
				if t.failed != nil {
					continue
				}
				u, err := runOnce(ctx, o.sgfw, t.args)
				if errors.Is(err, errRefused) || errors.Is(err, errSlow) {
					t.failed = err
					fmt.Fprintf(os.Stderr, "%s %s: %v\n", t.args[0], t.name, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", strings.Join(t.args[:min(3, len(t.args))], " "), err)
				}
				t.wall = append(t.wall, u.wall)
				t.processor = append(t.processor, u.processor)
				t.memory = append(t.memory, u.memory)
			}
		}
	}
	return nil
}

// runOnce runs the program, whose output goes nowhere. That policies are different, or an
// audit finds something, is no failure.
func runOnce(ctx context.Context, program string, args []string) (use, error) {
	patient, stop := context.WithTimeout(ctx, bulkPatience)
	defer stop()
	c := exec.CommandContext(patient, program, args...)
	// A setting for this program alone, see withoutPreemption.
	c.Env = slices.DeleteFunc(os.Environ(),
		func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	var said bytes.Buffer
	c.Stderr = &tail{to: &said}
	began := time.Now()
	err := c.Run()
	took := time.Since(began)
	if ctx.Err() == nil && patient.Err() != nil {
		return use{}, errSlow
	}
	switch code := c.ProcessState.ExitCode(); {
	case code == 0 || code == 6 || code == 10:
	case code == 3 || strings.Contains(said.String(), "too big"):
		return use{}, fmt.Errorf("%w: %s", errRefused, &said)
	default:
		return use{}, fmt.Errorf("%w\n%s", err, &said)
	}
	most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10 // of kilobytes
	// Linux counts what the parent had at the fork.
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return use{}, err
	}
	if own.Maxrss<<10 >= most {
		return use{}, fmt.Errorf("%w: %d MB", errNotMeasured, own.Maxrss>>10)
	}
	return use{took.Seconds(), (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds(),
		float64(most)}, nil
}

// tail keeps the first part of what is written to it, enough to see what went wrong.
type tail struct{ to *bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	if room := 4096 - t.to.Len(); room > 0 {
		t.to.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
