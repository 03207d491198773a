package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// bar is what one firewall is held to against another.
type bar struct {
	pos      position
	row      string
	firewall string
	against  string
	limit    float64
}

const (
	nameSGFW       = "sgfw, 10 rules"
	nameSGFWMany   = "sgfw, 10,000 rules"
	nameGoNFQueue  = "go-nfqueue as documented, accept all"
	nameNetfilterQ = "C on libnetfilter_queue, accept all"
)

// bars are the project's own: what sgfw is to reach on two CPUs.
func bars(rows []row) []bar {
	var list []bar
	for _, udp := range []string{"UDP 64 B, overload", "UDP 64 B, 256 in flight"} {
		list = append(list,
			bar{forward, udp, nameSGFW, nameNFTables, 0.75}, bar{host, udp, nameSGFW, nameNFTables, 0.55},
			bar{forward, udp, nameSGFW, nameGoNFQueue, 5}, bar{host, udp, nameSGFW, nameGoNFQueue, 5},
			bar{forward, udp, nameSGFW, nameNetfilterQ, 1.3}, bar{host, udp, nameSGFW, nameNetfilterQ, 1.05})
	}
	for _, pos := range positions() {
		list = append(list,
			bar{pos, "TCP, 1 stream", nameSGFW, nameNFTables, 0.80},
			bar{pos, "TCP connect/close", nameSGFW, nameNFTables, 0.45},
			bar{pos, "round trip, two CPUs, p50", nameSGFW, nameNFTables, 1.15})
		for _, r := range rows {
			limit := 0.95
			if r.better == lower {
				limit = 1.05
			}
			list = append(list, bar{pos, r.name, nameSGFWMany, nameSGFW, limit})
		}
	}
	return list
}

// markdownBars says which bars were reached.
func (r *results) markdownBars(w *bytes.Buffer) {
	fmt.Fprint(w, "\n## Bars\n\n| | | of | against | bar | here | |\n|---|---|---|---|---:|---:|---|\n")
	for _, b := range bars(r.rows) {
		v := ratio(r.samples[cell{b.pos, b.firewall, b.row}], r.samples[cell{b.pos, b.against, b.row}])
		i := slices.IndexFunc(r.rows, func(row row) bool { return row.name == b.row })
		if i < 0 || math.IsNaN(v) {
			continue
		}
		sign, met := "≥", v >= b.limit
		if r.rows[i].better == lower {
			sign, met = "≤", v <= b.limit
		}
		verdict := "missed"
		if met {
			verdict = "met"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s %s | %s | %s |\n", b.pos, b.row, b.firewall, b.against, sign, number(b.limit), number(v), verdict)
	}
}
