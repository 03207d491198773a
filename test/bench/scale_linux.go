package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sgfw/policy"
)

// sheet is one table of the scale document.
type sheet struct {
	title, text string
	head        []string
	rows        [][]string
}

func (s *sheet) add(cells ...string) { s.rows = append(s.rows, cells) }

// scaleMeasure is the measurement of one table.
type scaleMeasure struct {
	name string
	run  func(context.Context, options) (sheet, error)
}

func scaleMeasures() []scaleMeasure {
	alone := func(name string, measure func(options) (sheet, error)) scaleMeasure {
		return scaleMeasure{name, func(_ context.Context, o options) (sheet, error) {
			return measure(o)
		}}
	}
	return []scaleMeasure{
		alone("rules", scaleRules), alone("flows", scaleFlows), alone("interfaces", scaleInterfaces),
		{"memory", scaleMemory}, {"carried", scaleCarried}, {"queues", scaleQueues},
	}
}

// measureScale measures how cost grows: with rules, flows and interfaces on the decision
// alone; memory, carried flows, and throughput by queues, on real packets.
func measureScale(ctx context.Context, o options) error {
	m := thisMachine()
	runtime.LockOSThread() // the thread's own processor time is measured
	var sheets []sheet
	name := func(m scaleMeasure) string { return m.name }
	for _, measure := range choose(o.only, scaleMeasures(), name) {
		s, err := measure.run(ctx, o)
		if err != nil {
			return err
		}
		sheets = append(sheets, s)
		runtime.GC()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}

	path := filepath.Join(o.docs, "scale.md")
	if len(sheets) < len(scaleMeasures()) {
		return replaceSheets(sheets, m, o.docs, path)
	}
	var md bytes.Buffer
	fmt.Fprintf(&md, "# Scale\n\nWritten by `go run ./test/bench -scale -docs docs`. %s.\n", m)
	if m.busy() {
		fmt.Fprint(&md, "\n**The machine did other work at the time: take the numbers as rough.**\n")
	}
	return printSheets(sheets, &md, o.docs, path)
}

// markdown writes the table with a title.
func (s *sheet) markdown(w *bytes.Buffer) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n| %s |\n|%s\n",
		s.title, s.text, strings.Join(s.head, " | "), strings.Repeat("---:|", len(s.head)))
	for _, r := range s.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r, " | "))
	}
}

// printSheets prints tables, appends them to a document, and writes that to path unless docs
// is empty.
func printSheets(sheets []sheet, md *bytes.Buffer, docs, path string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, s := range sheets {
		fmt.Fprintf(w, "%s\n%s\n", strings.ToUpper(s.title), strings.Join(s.head, "\t"))
		s.markdown(md)
		for _, r := range s.rows {
			fmt.Fprintln(w, strings.Join(r, "\t"))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil || docs == "" {
		return err
	}
	return writeDocument(path, md.Bytes())
}

// replaceSheets prints tables that were measured by themselves, and replaces them in the
// document at path, or appends them. Each says so: the head of the document is about others.
func replaceSheets(sheets []sheet, m machine, docs, path string) error {
	page, err := os.ReadFile(path)
	if err != nil && docs != "" {
		return err
	}
	page, _, _ = bytes.Cut(page, []byte(handWritten))
	page = bytes.TrimRight(page, "\n")
	for i := range sheets {
		s := &sheets[i]
		s.text += fmt.Sprintf("\n\nMeasured by itself. %s.", m)
		var table bytes.Buffer
		s.markdown(&table)
		from := bytes.Index(page, []byte("\n## "+s.title+"\n"))
		if from < 0 {
			page = append(append(page, '\n'), bytes.TrimRight(table.Bytes(), "\n")...)
			continue
		}
		rest := page[from+1:]
		if to := bytes.Index(rest, []byte("\n## ")); to >= 0 {
			rest = append([]byte("\n"), bytes.TrimLeft(rest[to:], "\n")...)
		} else {
			rest = nil
		}
		page = slices.Concat(page[:from], bytes.TrimRight(table.Bytes(), "\n"), []byte("\n"), rest)
		page = bytes.TrimRight(page, "\n")
	}
	md := new(bytes.Buffer)
	if err := printSheets(sheets, md, "", path); err != nil || docs == "" {
		return err
	}
	return writeDocument(path, append(page, '\n'))
}

// queueLoads are the loads that may gain from several queues.
var queueLoads = []string{"TCP, 8 streams", "UDP 64 B, 256 in flight", "TCP connect/close"}

// scaleQueues runs the loads that may gain from several queues.
func scaleQueues(ctx context.Context, o options) (s sheet, err error) {
	s = sheet{
		title: "Queues",
		text: "Real packets through a router, medians. With `cpu` and `pinned` the CPU that handles a " +
			"packet chooses the queue.\nWith `hash` each pair of addresses has one queue, and here is " +
			"only one pair.",
		head: []string{"queues", "balance"},
	}
	ls := slices.DeleteFunc(loads(), func(l load) bool { return !slices.Contains(queueLoads, l.name) })
	for _, l := range ls {
		s.head = append(s.head, l.name+", "+l.unit)
	}
	type setting struct {
		count   int
		balance string
	}
	var settings []setting
	for _, balance := range policy.Balances() {
		for _, n := range []int{1, 2, 4} {
			settings = append(settings, setting{n, balance})
		}
	}
	samples := make([][]sample, len(settings))
	for range o.repetitions {
		for i, set := range settings {
			if samples[i] == nil {
				samples[i] = make([]sample, len(ls))
			}
			f := sgfw(o, "", 10, fmt.Sprintf("  queues: { count: %d, balance: %s }", set.count, set.balance))
			if err := loadsOnce(ctx, f, ls, o.window, samples[i]); err != nil {
				return s, err
			}
		}
	}
	for i, set := range settings {
		row := []string{fmt.Sprint(set.count), set.balance}
		for j := range ls {
			v := samples[i][j]
			row = append(row, fmt.Sprintf("%s %s", number(v.median()/ls[j].scale), percent(v.spread())))
		}
		s.add(row...)
	}
	return s, nil
}

// loadsOnce runs each load once through a firewall.
func loadsOnce(
	ctx context.Context, f firewall, ls []load, window time.Duration, into []sample,
) (err error) {
	p, err := forward.build()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.lab.Close()) }()
	fw, err := f.start(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fw.stop()) }()
	for j := range ls {
		v, err := ls[j].run(ctx, p.ends, ls[j].lasts(window))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", ls[j].name, err)
			continue
		}
		into[j] = append(into[j], v[0])
		runtime.GC()
	}
	return nil
}
