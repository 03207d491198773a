package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// handWritten separates the generated part of a document from the text below it, which
// a run keeps.
const handWritten = "<!-- Written by hand from here on. A run of the benchmark keeps it. -->"

// report prints the results and writes them into the documentation.
func report(r *results, o options) error {
	if err := r.table(os.Stdout); err != nil {
		return err
	}
	if o.docs == "" {
		return nil
	}
	var md bytes.Buffer
	r.markdown(&md)
	if err := writeDocument(filepath.Join(o.docs, "benchmarks.md"), md.Bytes()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.docs, "benchmarks.svg"), r.plot(), 0o644)
}

// writeDocument replaces the generated part of a document and keeps the rest.
func writeDocument(path string, generated []byte) error {
	rest := []byte(handWritten + "\n")
	if old, err := os.ReadFile(path); err == nil {
		if i := bytes.Index(old, []byte(handWritten)); i >= 0 {
			rest = old[i:]
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(append(generated, '\n'), rest...), 0o644)
}

// baseline is the firewall that ratios refer to: stateful nftables, or the first one where
// that is not measured.
func (r *results) baseline() string {
	for _, f := range r.firewalls {
		if f == nameNFTables {
			return f
		}
	}
	return r.firewalls[0]
}

// table prints ratios and medians as text.
func (r *results) table(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	for _, pos := range r.positions {
		fmt.Fprintf(w, "%s\tmedian\t± spread\t× %s\tCPU µs/packet, machine\t"+
			"its process\t%% of a CPU\tsent again %%\n",
			strings.ToUpper(string(pos)), r.baseline())
		for _, row := range r.rows {
			fmt.Fprintf(w, "%s\t\t\t\t\t\t\t\n", row.name)
			for _, f := range r.firewalls {
				s, e := r.samples[cell{pos, f, row.name}], r.expense(pos, f, row.load)
				fmt.Fprintf(w, "  %s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\n", f, number(s.median()), row.unit,
					percent(s.spread()), number(r.ratio(pos, f, row)), number(e.machine.median()),
					number(e.process.median()), number(e.share.median()), resent(e))
			}
		}
		for _, l := range r.loads {
			if !l.idle() {
				continue
			}
			fmt.Fprintf(w, "%s, %% of a CPU\t\t\t\t\t\t\t\n", l.name)
			for _, f := range r.firewalls {
				e := r.expense(pos, f, l.name)
				fmt.Fprintf(w, "  %s\t\t\t\t%s\t%s\t%s\t\n", f, number(e.machine.median()),
					number(e.process.median()), number(e.share.median()))
			}
		}
	}
	for _, f := range r.firewalls {
		if m, ok := r.memory[f]; ok {
			fmt.Fprintf(w, "memory of %s flows, %s\t%s B/flow\t\t\t\t\t\t\n",
				thousands(m.flows), f, number(m.perFlow()))
		}
	}
	for _, f := range r.absent {
		fmt.Fprintf(w, "skipped: %s (%s)\t\t\t\t\t\t\t\n", f.name, f.absent)
	}
	for _, f := range r.failed {
		fmt.Fprintf(w, "failed: %s\t\t\t\t\t\t\t\n", f)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// Last, and on lines of their own, so that nobody misses what is not in the tables.
	for _, l := range r.without {
		fmt.Fprintf(to, "NOT MEASURED: %s: %s\n", l.name, l.absent)
	}
	return nil
}

// ratio is a firewall's median in parts of the baseline's.
func (r *results) ratio(pos position, f string, row row) float64 {
	return r.quotient(pos, f, r.baseline(), row.name)
}

// published is the ratio to another firewall that documents print. Where two loads measure
// the same in different ways, it is the smaller one.
func (r *results) published(pos position, f, against string, row row) float64 {
	v := r.quotient(pos, f, against, row.name)
	if row.second == "" {
		return v
	}
	w := r.quotient(pos, f, against, row.second)
	if math.IsNaN(v) || w < v {
		return w
	}
	return v
}

func (r *results) quotient(pos position, f, against, name string) float64 {
	return ratio(r.samples[cell{pos, f, name}], r.samples[cell{pos, against, name}])
}

// firsts are the rows without those that measure what another row does.
func (r *results) firsts() []row {
	return slices.DeleteFunc(slices.Clone(r.rows), func(second row) bool {
		return slices.ContainsFunc(r.rows, func(first row) bool { return first.second == second.name })
	})
}

// withBetter are the rows of which higher numbers, or lower ones, are better.
func withBetter(rows []row, b better) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(row row) bool { return row.better != b })
}

// markdown writes ratios first, then medians.
func (r *results) markdown(w *bytes.Buffer) {
	fmt.Fprintf(w, "# Benchmarks\n\nWritten by `make bench`. %s.\n"+
		"Medians of %d interleaved repetitions, %v each.\n\n", r.machine, r.repetitions, r.window)
	if r.machine.busy() {
		fmt.Fprint(w, "**The machine did other work at the time: take the numbers as rough.**\n\n")
	}
	fmt.Fprint(w, "Client, firewall and server are namespaces of one machine and share its CPUs. ",
		"So a firewall also takes time from the\nprograms that make the load. ",
		"Compare within one run, never across machines.\n\n",
		"*forward*: the firewall is a router between client and server. ",
		"*host*: it runs on the server.\n\n",
		"TCP streams are measured twice: by this program and by iperf3. The tables of ratios have the ",
		"smaller ratio of the two,\nand those of medians have both.\n\n",
		"![Ratios to nftables](benchmarks.svg)\n")
	for _, l := range r.without {
		fmt.Fprintf(w, "\n**Not measured: %s: %s.** ", l.name, l.absent)
		fmt.Fprint(w, "The row that it repeats may be more flattering than what a user measures.\n")
	}
	r.markdownGlossary(w)
	r.markdownComparison(w)
	for _, pos := range r.positions {
		r.markdownPosition(w, pos)
	}
	if len(r.memory) > 0 {
		fmt.Fprint(w, "\n## Memory\n\n| firewall | flows | bytes for each |\n|---|---:|---:|\n")
		for _, f := range r.firewalls {
			if m, ok := r.memory[f]; ok {
				fmt.Fprintf(w, "| %s | %s | %s |\n", f, thousands(m.flows), number(m.perFlow()))
			}
		}
		fmt.Fprint(w, "\nGrowth of the process's resident memory (sgfw), ",
			"or of the kernel's slab of connections (nftables).\n")
	}
	for i, f := range r.absent {
		if i == 0 {
			fmt.Fprint(w, "\n## Not measured\n\n")
		}
		fmt.Fprintf(w, "- %s: %s\n", f.name, f.absent)
	}
	for i, f := range r.failed {
		if i == 0 {
			fmt.Fprint(w, "\n## Failed\n\n")
		}
		fmt.Fprintf(w, "- %s\n", f)
	}
}

// markdownPosition writes the tables of a position: ratios, medians and CPU time.
func (r *results) markdownPosition(w *bytes.Buffer, pos position) {
	fmt.Fprintf(w, "\n## %s: ratio to %s\n",
		strings.ToUpper(string(pos[:1]))+string(pos[1:]), r.baseline())
	ratio := func(f string, row row) string {
		return number(r.published(pos, f, r.baseline(), row))
	}
	if rows := withBetter(r.firsts(), higher); len(rows) > 0 {
		fmt.Fprint(w, "\nThroughput: higher is better.\n\n")
		markdownTable(w, r.firewalls, rows, rowName, ratio)
	}
	if rows := withBetter(r.firsts(), lower); len(rows) > 0 {
		fmt.Fprint(w, "\nRound trips: lower is better.\n\n")
		markdownTable(w, r.firewalls, rows, rowName, ratio)
	}
	median := func(f string, row row) string {
		s := r.samples[cell{pos, f, row.name}]
		if len(s) == 0 {
			return "–"
		}
		return fmt.Sprintf("%s %s %s", number(s.median()), row.unit, percent(s.spread()))
	}
	fmt.Fprint(w, "\nMedians, ± half the range:\n")
	for _, b := range []better{higher, lower} {
		if rows := withBetter(r.rows, b); len(rows) > 0 {
			fmt.Fprintln(w)
			markdownTable(w, r.firewalls, rows, rowName, median)
		}
	}
	if len(r.loads) == 0 {
		return
	}
	r.markdownExpense(w, pos)
}

func rowName(r row) string { return r.name }

// markdownTable writes a line for each firewall and a column for each of some things.
func markdownTable[T any](
	w *bytes.Buffer, firewalls []string, columns []T, name func(T) string, text func(string, T) string,
) {
	fmt.Fprint(w, "| |")
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", name(c))
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(columns)))
	for _, f := range firewalls {
		fmt.Fprintf(w, "| %s |", f)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", text(f, c))
		}
		fmt.Fprintln(w)
	}
}

// number formats a value with three digits.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a < 0.1 && a > 0:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("± %.0f %%", 100*v)
}
