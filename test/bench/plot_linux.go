package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// The dimensions of the plot in pixels.
const (
	plotLeft   = 190 // names of rows
	plotWidth  = 620
	plotRight  = 90 // numbers to the right of bars
	barHeight  = 9
	barGap     = 2
	groupGap   = 14
	titleSpace = 34
	fullScale  = 2.0 // the ratio at the right end; longer bars are cut there
)

// palette has a colour for each firewall. They differ in lightness, too, for grey print
// (ColorBrewer "Paired").
var palette = []string{
	"#b0b0b0", "#333333", "#1f78b4", "#5aa2d4", "#a6cee3",
	"#33a02c", "#ff7f00", "#e31a1c", "#6a3d9a", "#b15928", "#b2df8a", "#fdbf6f", "#cab2d6", "#fb9a99",
}

// plot draws the ratios to the baseline as bars, a group for each row.
func (r *results) plot() []byte {
	rows := r.firsts()
	group := len(r.firewalls)*(barHeight+barGap) + groupGap
	legend := titleSpace + (len(r.firewalls)+2)/3*18
	height := legend + len(r.positions)*(titleSpace+len(rows)*group) + 10
	width := plotLeft + plotWidth + plotRight

	var b bytes.Buffer
	text := func(x, y int, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="%s">`, x, y, anchor)
		_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer never fails
		b.WriteString("</text>\n")
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text(10, 20, "start", fmt.Sprintf(
		"Ratio of medians to %s (1 = the line). Round trips: shorter is better.", r.baseline()))
	for i, f := range r.firewalls {
		x, y := 10+i%3*300, titleSpace+i/3*18
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="10" fill="%s"/>`+"\n",
			x, y, palette[i%len(palette)])
		text(x+17, y+9, "start", f)
	}
	y := legend
	for _, pos := range r.positions {
		y += titleSpace
		text(10, y-12, "start", string(pos))
		top := y
		for _, row := range rows {
			text(plotLeft-8, y+(group-groupGap)/2+4, "end", row.name)
			for i, f := range r.firewalls {
				v := r.published(pos, f, r.baseline(), row)
				if !math.IsNaN(v) {
					w := int(math.Round(min(v, fullScale) / fullScale * plotWidth))
					fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
						plotLeft, y, w, barHeight, palette[i%len(palette)])
					text(plotLeft+w+4, y+barHeight, "start", number(v))
				}
				y += barHeight + barGap
			}
			y += groupGap
		}
		one := plotLeft + int(plotWidth/fullScale)
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" `+
			`stroke="black" stroke-dasharray="3 3"/>`+"\n", one, top-4, one, y-groupGap+4)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
