package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twoFirewalls is a run with one load, a missing number, and something absent.
func twoFirewalls() *results {
	l := load{name: "UDP <64 B>", unit: "kpps", scale: 1e3}
	return &results{
		machine: machine{cpu: "CPU & Co", cpus: 2}, repetitions: 3, window: time.Second,
		positions: positions(), firewalls: []string{nameNFTables, "sgfw"}, rows: l.rows(),
		absent: []firewall{{name: "Suricata", absent: "not installed"}},
		samples: map[cell]sample{
			{forward, nameNFTables, l.name}: {400, 500, 600},
			{forward, "sgfw", l.name}:       {375, 400, 425},
			{host, nameNFTables, l.name}:    {400},
		},
		memory: map[string]memoryUse{"sgfw": {flows: 100_000, bytes: 12_800_000}},
		failed: []string{"host, sgfw, UDP <64 B>: nothing came through"},
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	twoFirewalls().markdown(&b)
	for _, want := range []string{
		"| sgfw | 0.80 |", "| sgfw | 400 kpps ± 6 % |", "| sgfw | – |", "| sgfw | 100,000 | 128 |",
		"2 × CPU & Co", "- Suricata: not installed", "- host, sgfw, UDP <64 B>: nothing came through",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
}

func TestPlotIsXML(t *testing.T) {
	d := xml.NewDecoder(bytes.NewReader(twoFirewalls().plot()))
	bars, texts := 0, ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Local == "rect" {
				bars++
			}
		case xml.CharData:
			texts += string(tok) + "\n"
		}
	}
	// The ground, two in the legend, three numbers.
	if bars != 6 {
		t.Errorf("%d rectangles, want 6", bars)
	}
	if !strings.Contains(texts, "\n0.80\n") || !strings.Contains(texts, "UDP <64 B>") {
		t.Errorf("texts of the plot:\n%s", texts)
	}
}

// TestWriteDocumentKeepsHandWritten: what people wrote below the mark survives.
func TestWriteDocumentKeepsHandWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "b.md")
	if err := writeDocument(path, []byte("first\n")); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(old, "a design that lost\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeDocument(path, []byte("second\n")); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "second\n\n" + handWritten + "\na design that lost\n"; string(now) != want {
		t.Errorf("the document is %q, want %q", now, want)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{1234: "1234", 12.34: "12.3", 1.234: "1.23", 0.0123: "0.012", 0: "0.00"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int]string{7: "7", 1000: "1,000", 1_002_003: "1,002,003"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestBars: more is better but for round trips, and what was not measured is not
// judged.
func TestBars(t *testing.T) {
	r := &results{rows: []row{{name: "TCP, 1 stream"}, {name: "round trip, two CPUs, p50", better: lower}}}
	set := func(pos position, f string, row int, v float64) {
		r.samples[cell{pos, f, r.rows[row].name}] = sample{v}
	}
	r.samples = make(map[cell]sample)
	set(forward, nameNFTables, 0, 10)
	set(forward, nameSGFW, 0, 9)
	set(forward, nameSGFWMany, 0, 8)
	set(host, nameNFTables, 1, 10)
	set(host, nameSGFW, 1, 12)
	set(host, nameSGFWMany, 1, 12)
	var b bytes.Buffer
	r.markdownBars(&b)
	for _, want := range []string{
		"| forward | TCP, 1 stream | sgfw, 10 rules | nftables, stateful | ≥ 0.80 | 0.90 | met |",
		"| forward | TCP, 1 stream | sgfw, 10,000 rules | sgfw, 10 rules | ≥ 0.95 | 0.89 | missed |",
		"| host | round trip, two CPUs, p50 | sgfw, 10 rules | nftables, stateful | ≤ 1.15 | 1.20 | missed |",
		"| host | round trip, two CPUs, p50 | sgfw, 10,000 rules | sgfw, 10 rules | ≤ 1.05 | 1.00 | met |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 9 {
		t.Errorf("%d lines, want 9: what was not measured is judged\n%s", n, &b)
	}
}

// TestBarsNameRows: bars are about loads and firewalls that exist.
func TestBarsNameRows(t *testing.T) {
	var rows []row
	for _, l := range loads() {
		rows = append(rows, l.rows()...)
	}
	names := map[string]bool{}
	for _, f := range firewalls(options{}, t.TempDir()) {
		names[f.name] = true
	}
	for _, b := range bars(rows) {
		if !names[b.firewall] || !names[b.against] {
			t.Errorf("%+v names no firewall", b)
		}
		found := false
		for _, r := range rows {
			found = found || r.name == b.row
		}
		if !found {
			t.Errorf("%+v names no load", b)
		}
	}
}
