package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64 // seconds
	Output      string
	ImportPath  string // of build-output and build-fail
	FailedBuild string
}

// report is what has become of the tests so far.
type report struct {
	out          io.Writer
	total, ended int // packages
	// Top-level tests.
	passed, failed, skipped int
	// skips are the skipped tests with their reasons, in their order.
	skips    []string
	packages map[string]*result
	builds   map[string]*strings.Builder // what the compiler said
}

// result is what has become of one package.
type result struct {
	tests  int
	failed []string
	// output is by test, "" for the package itself.
	output map[string]*strings.Builder
}

func newReport(out io.Writer, total int) *report {
	return &report{
		out: out, total: total,
		packages: make(map[string]*result), builds: make(map[string]*strings.Builder),
	}
}

// read reports the events of one `go test -json`.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(r.out, lines.Text()) // go itself speaks
			continue
		}
		r.add(&e)
	}
	return lines.Err()
}

func (r *report) add(e *event) {
	if e.Action == "build-output" {
		if r.builds[e.ImportPath] == nil {
			r.builds[e.ImportPath] = new(strings.Builder)
		}
		r.builds[e.ImportPath].WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &result{output: make(map[string]*strings.Builder)}
		r.packages[e.Package] = p
	}
	switch {
	case e.Action == "output":
		if p.output[e.Test] == nil {
			p.output[e.Test] = new(strings.Builder)
		}
		p.output[e.Test].WriteString(e.Output)
	case e.Action != "pass" && e.Action != "fail" && e.Action != "skip":
	case e.Test == "":
		r.endPackage(e, p)
	default:
		r.endTest(e, p)
	}
}

// endTest counts a test. Subtests count with the one that they belong to.
func (r *report) endTest(e *event, p *result) {
	if e.Action == "fail" {
		p.failed = append(p.failed, e.Test)
	}
	if e.Action == "skip" {
		r.skips = append(r.skips, fmt.Sprintf("%s.%s: %s", e.Package, e.Test, reason(p.output[e.Test])))
	}
	if strings.Contains(e.Test, "/") {
		return
	}
	p.tests++
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
	case "skip":
		r.skipped++
	}
}

// endPackage prints the line of a package and, if it failed, what its failed tests
// printed.
func (r *report) endPackage(e *event, p *result) {
	r.ended++
	state := map[string]string{"pass": "ok  ", "fail": "FAIL", "skip": "none"}[e.Action]
	fmt.Fprintf(r.out, "[%d/%d] %s %s  %d tests  %.1f s\n",
		r.ended, max(r.total, r.ended), state, e.Package, p.tests, e.Elapsed)
	if e.Action == "fail" {
		if len(p.failed) == 0 {
			r.failed++ // it did not build, panicked outside a test, or exited
		}
		for _, name := range p.failed {
			r.print(p.output[name])
		}
		r.print(p.output[""])
		r.print(r.builds[e.FailedBuild])
	}
	delete(r.packages, e.Package) // the output of what passed is nobody's
}

func (r *report) print(text *strings.Builder) {
	if text != nil {
		fmt.Fprint(r.out, text.String())
	}
}

// reason is why a test was skipped: what it said last.
func reason(output *strings.Builder) string {
	if output == nil {
		return "no reason given"
	}
	why := "no reason given"
	for line := range strings.Lines(output.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			why = line
		}
	}
	if _, text, ok := strings.Cut(why, ".go:"); ok { // file.go:12: text
		if _, text, ok = strings.Cut(text, ": "); ok {
			return text
		}
	}
	return why
}

// finish names what was skipped and counts.
func (r *report) finish() {
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "skipped:")
		for _, s := range r.skips {
			fmt.Fprintln(r.out, "  "+s)
		}
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}
