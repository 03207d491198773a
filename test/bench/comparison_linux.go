package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

const (
	nameSGFW              = "sgfw, 10 rules"
	nameSGFWMany          = "sgfw, 10,000 rules"
	nameGoNFQueue         = "go-nfqueue as documented, accept all"
	nameLibnetfilterQueue = "C on libnetfilter_queue, accept all"
)

// comparison is one column of the comparison table: the medians of one firewall
// divided by those of another.
type comparison struct {
	title             string
	firewall, against string
}

func comparisons() []comparison {
	return []comparison{
		{"to nftables", nameSGFW, nameNFTables},
		{"to go-nfqueue as documented", nameSGFW, nameGoNFQueue},
		{"to C on libnetfilter_queue", nameSGFW, nameLibnetfilterQueue},
		{"10,000 rules to 10", nameSGFWMany, nameSGFW},
	}
}

// markdownComparison writes a row of ratios for each load. Rows without a number are
// left out, and the whole table where there is none.
func (r *results) markdownComparison(w *bytes.Buffer) {
	var rows bytes.Buffer
	for _, pos := range r.positions {
		for _, row := range r.firsts() {
			ratios := r.compare(pos, row)
			if !slices.ContainsFunc(ratios, func(v float64) bool { return !math.IsNaN(v) }) {
				continue
			}
			fmt.Fprintf(&rows, "| %s | %s |", pos, row.name)
			for _, v := range ratios {
				fmt.Fprintf(&rows, " %s |", number(v))
			}
			rows.WriteString("\n")
		}
	}
	if rows.Len() == 0 {
		return
	}
	fmt.Fprint(w, "\n## sgfw compared\n\n",
		"Ratios of sgfw with 10 rules to others, and of sgfw with 10,000 rules to sgfw with 10.\n",
		"Throughput: higher is better. Round trips: lower is better.\n\n| | |")
	for _, c := range comparisons() {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprint(w, "\n|---|---|")
	for range comparisons() {
		fmt.Fprint(w, "---:|")
	}
	fmt.Fprintf(w, "\n%s", &rows)
}

// compare returns the ratios of one load, NaN where one was not measured.
func (r *results) compare(pos position, row row) []float64 {
	var ratios []float64
	for _, c := range comparisons() {
		ratios = append(ratios, r.published(pos, c.firewall, c.against, row))
	}
	return ratios
}
