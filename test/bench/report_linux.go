package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
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
		fmt.Fprintf(w, "%s\tmedian\t± spread\t× %s\n", strings.ToUpper(string(pos)), r.baseline())
		for _, row := range r.rows {
			fmt.Fprintf(w, "%s\t\t\t\n", row.name)
			for _, f := range r.firewalls {
				s := r.samples[cell{pos, f, row.name}]
				fmt.Fprintf(w, "  %s\t%s %s\t%s\t%s\n",
					f, number(s.median()), row.unit, percent(s.spread()), number(r.ratio(pos, f, row)))
			}
		}
	}
	for _, f := range r.firewalls {
		if m, ok := r.memory[f]; ok {
			fmt.Fprintf(w, "memory of %s flows, %s\t%s B/flow\t\t\n",
				thousands(m.flows), f, number(m.perFlow()))
		}
	}
	for _, f := range r.absent {
		fmt.Fprintf(w, "skipped: %s (%s)\t\t\t\n", f.name, f.absent)
	}
	for _, f := range r.failed {
		fmt.Fprintf(w, "failed: %s\t\t\t\n", f)
	}
	return w.Flush()
}

func (r *results) ratio(pos position, f string, row row) float64 {
	return ratio(r.samples[cell{pos, f, row.name}], r.samples[cell{pos, r.baseline(), row.name}])
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
		"![Ratios to nftables](benchmarks.svg)\n")
	for _, pos := range r.positions {
		fmt.Fprintf(w, "\n## %s: ratio to %s\n\n"+
			"Throughput: higher is better. Round trips: lower is better.\n\n",
			strings.ToUpper(string(pos[:1]))+string(pos[1:]), r.baseline())
		r.markdownTable(w, func(f string, row row) string { return number(r.ratio(pos, f, row)) })
		fmt.Fprintf(w, "\nMedians, ± half the range:\n\n")
		r.markdownTable(w, func(f string, row row) string {
			s := r.samples[cell{pos, f, row.name}]
			if len(s) == 0 {
				return "–"
			}
			return fmt.Sprintf("%s %s %s", number(s.median()), row.unit, percent(s.spread()))
		})
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
	r.markdownComparison(w)
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

func (r *results) markdownTable(w *bytes.Buffer, text func(string, row) string) {
	fmt.Fprint(w, "| |")
	for _, row := range r.rows {
		fmt.Fprintf(w, " %s |", row.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(r.rows)))
	for _, f := range r.firewalls {
		fmt.Fprintf(w, "| %s |", f)
		for _, row := range r.rows {
			fmt.Fprintf(w, " %s |", text(f, row))
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
