package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	nameOffload           = "sgfw offload, 10 rules"
	nameOffloadMany       = "sgfw offload, 10,000 rules"
	nameSGFW              = "sgfw userspace, 10 rules"
	nameSGFWMany          = "sgfw userspace, 10,000 rules"
	nameRawNetlink        = "C on raw netlink, accept all"
	nameGoNFQueue         = "go-nfqueue as documented, accept all"
	nameSuricata          = "Suricata, NFQ mode, no rules"
	nameOpenSnitch        = "OpenSnitch on the client, no rules"
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
		{"offload to nftables", nameOffload, nameNFTables},
		{"offload, 10,000 rules to 10", nameOffloadMany, nameOffload},
		{"userspace to nftables", nameSGFW, nameNFTables},
		{"userspace, 10,000 rules to 10", nameSGFWMany, nameSGFW},
		{"userspace to C on raw netlink", nameSGFW, nameRawNetlink},
		{"userspace to C on libnetfilter_queue", nameSGFW, nameLibnetfilterQueue},
		{"userspace to go-nfqueue as documented", nameSGFW, nameGoNFQueue},
	}
}

// markdownComparison writes a row of ratios for each load. Rows and columns without a number
// are left out, and the whole table where there is none.
func (r *results) markdownComparison(w *bytes.Buffer) {
	measured := func(c comparison) bool {
		return slices.ContainsFunc(r.positions, func(pos position) bool {
			return slices.ContainsFunc(r.firsts(), func(row row) bool {
				return !math.IsNaN(r.published(pos, c.firewall, c.against, row))
			})
		})
	}
	columns := slices.DeleteFunc(comparisons(), func(c comparison) bool { return !measured(c) })
	if len(columns) == 0 {
		return
	}
	fmt.Fprint(w, "\n## sgfw compared\n\n",
		"Ratios of sgfw with 10 rules, in each datapath, to others, and of sgfw with 10,000 rules to ",
		"sgfw with 10.\nThroughput: higher is better. Round trips: lower is better.\n\n| | |")
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---:|", len(columns)))
	for _, pos := range r.positions {
		for _, row := range r.firsts() {
			some, line := false, ""
			for _, c := range columns {
				v := r.published(pos, c.firewall, c.against, row)
				some = some || !math.IsNaN(v)
				line += fmt.Sprintf(" %s |", number(v))
			}
			if some {
				fmt.Fprintf(w, "| %s | %s |%s\n", pos, row.name, line)
			}
		}
	}
}
