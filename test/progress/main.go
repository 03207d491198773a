// Command progress runs the tests of many packages and shows how far it is: a line for
// each package as it ends, the output of what failed, and in the end what was skipped
// and why.
//
//	go run ./test/progress FLAGS -- PHASE [-- PHASE]
//
// FLAGS go to every `go test`, and so does what a phase names: packages, and flags that
// only the phase has, such as -p=1. The phases run one after another, also when one
// fails. The exit code is 1 if any test failed.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	flags, phases := split(os.Args[1:])
	if len(phases) == 0 {
		fmt.Fprintln(os.Stderr, "usage: progress FLAGS -- PHASE [-- PHASE]")
		os.Exit(2)
	}
	total := 0
	for _, p := range phases {
		total += count(p)
	}
	r := newReport(os.Stdout, total)
	ok := true
	for _, p := range phases {
		if err := run(r, append(slices.Clone(flags), p...)); err != nil {
			fmt.Println("progress:", err)
			ok = false
		}
	}
	r.finish()
	if !ok || r.failed > 0 {
		os.Exit(1)
	}
}

// split separates the flags and the phases, which stand behind "--" each.
func split(args []string) (flags []string, phases [][]string) {
	for i, part := range slices.Collect(splitSeq(args)) {
		if i == 0 {
			flags = part
		} else if len(part) > 0 {
			phases = append(phases, part)
		}
	}
	return flags, phases
}

func splitSeq(args []string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for {
			i := slices.Index(args, "--")
			if i < 0 {
				yield(args)
				return
			}
			if !yield(args[:i]) {
				return
			}
			args = args[i+1:]
		}
	}
}

// count is the number of packages that a phase names, 0 where that is not known.
func count(phase []string) int {
	args := []string{"list"}
	for _, a := range phase {
		if !strings.HasPrefix(a, "-") {
			args = append(args, a)
		}
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return 0
	}
	return strings.Count(string(out), "\n")
}

// run runs `go test` and reports what it says.
func run(r *report, args []string) error {
	c := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	readErr := r.read(out)
	if _, err := io.Copy(io.Discard, out); err != nil && readErr == nil {
		readErr = err
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	return readErr
}
