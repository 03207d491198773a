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

// twoFirewalls is a run with one load, a missing value and an absent firewall.
func twoFirewalls() *results {
	l := load{name: "UDP <64 B>", unit: "kpps", scale: 1e3}
	return &results{
		machine: machine{cpu: "CPU & Co", cpus: 2}, repetitions: 3, window: time.Second,
		positions: positions(), firewalls: []string{nameNFTables, "sgfw"}, rows: l.rows(),
		loads: []load{{name: "idle"}, l}, without: []load{{name: "TCP, iperf3", absent: "not there"}},
		expenses: map[cell]*expense{
			{forward, "sgfw", l.name}: {machine: sample{20, 10, 12}, process: sample{1, 3, 4},
				share: sample{30, 31, 35}, resent: sample{2, 2.5, 4}},
			{host, "sgfw", "idle"}: {machine: sample{7}, process: sample{0.5}, share: sample{0.25}},
		},
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
		"| sgfw | – | 12.0 / 3.00 |", "| sgfw | 7.00 / 0.50 | – |", "| sgfw | 0.25 |",
		"**Not measured: TCP, iperf3: not there.**",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
}

// TestTable: each row has the CPU time of its load, and what is not measured is said loudly.
func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := twoFirewalls().table(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"sgfw 400 kpps ± 6 % 0.80 12.0 3.00 31.0 2.50", "idle, % of a CPU", "sgfw 7.00 0.50 0.25",
		"NOT MEASURED: TCP, iperf3: not there",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
}

// TestPublished: of two loads that measure the same, documents have the smaller ratio, and the
// one that was measured where the other was not.
func TestPublished(t *testing.T) {
	r := &results{
		positions: []position{forward}, firewalls: []string{nameNFTables, nameSGFW},
		rows: []row{{name: "TCP", second: "TCP, iperf3"}, {name: "TCP, iperf3"}, {name: "UDP"}},
	}
	for _, tt := range []struct {
		ours, theirs, want float64
	}{
		{90, 50, 0.5}, {50, 90, 0.5}, {90, 0, 0.9}, {0, 50, 0.5},
	} {
		r.samples = make(map[cell]sample)
		for name, v := range map[string]float64{"TCP": tt.ours, "TCP, iperf3": tt.theirs, "UDP": 70} {
			r.samples[cell{forward, nameNFTables, name}] = sample{100}
			if v > 0 {
				r.samples[cell{forward, nameSGFW, name}] = sample{v}
			}
		}
		if got := r.published(forward, nameSGFW, nameNFTables, r.rows[0]); got != tt.want {
			t.Errorf("%+v: %v is published", tt, got)
		}
		var b bytes.Buffer
		r.markdown(&b)
		want := "| " + nameSGFW + " | " + number(tt.want) + " | 0.70 |"
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
		b.Reset()
		r.markdownComparison(&b)
		want = "| forward | TCP | " + number(tt.want) + " |"
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
	// The background, two in the legend and three bars.
	if bars != 6 {
		t.Errorf("%d rectangles, want 6", bars)
	}
	if !strings.Contains(texts, "\n0.80\n") || !strings.Contains(texts, "UDP <64 B>") {
		t.Errorf("texts of the plot:\n%s", texts)
	}
}

// TestWriteDocumentKeepsHandWritten: a run keeps what people wrote below the mark.
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
	for v, want := range map[float64]string{
		1234: "1234", 12.34: "12.3", 1.234: "1.23", 0.0123: "0.012", 0: "0.00",
	} {
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

// TestComparison: ratios of medians, "–" for what was not measured, and no row without
// a number.
func TestComparison(t *testing.T) {
	r := &results{
		positions: positions(),
		rows:      []row{{name: "TCP, 1 stream"}, {name: "round trip, one CPU, p50", better: lower}},
		samples:   make(map[cell]sample),
	}
	set := func(pos position, f string, row int, v float64) {
		r.samples[cell{pos, f, r.rows[row].name}] = sample{v}
	}
	set(forward, nameNFTables, 0, 10)
	set(forward, nameSGFW, 0, 9)
	set(forward, nameSGFWMany, 0, 8)
	set(host, nameLibnetfilterQueue, 1, 8)
	set(host, nameSGFW, 1, 12)
	var b bytes.Buffer
	r.markdownComparison(&b)
	for _, want := range []string{
		"| forward | TCP, 1 stream | 0.90 | 0.89 | – |\n",
		"| host | round trip, one CPU, p50 | – | – | 1.50 |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
	if n := strings.Count(b.String(), "\n|"); n != 4 {
		t.Errorf("%d lines in the table, want 4\n%s", n, &b)
	}

	b.Reset()
	r.samples = nil
	if r.markdownComparison(&b); b.Len() > 0 {
		t.Errorf("a table without a number:\n%s", &b)
	}
}

// TestComparisonsNameFirewalls: what is compared exists.
func TestComparisonsNameFirewalls(t *testing.T) {
	names := map[string]bool{}
	for _, f := range firewalls(options{}, t.TempDir()) {
		names[f.name] = true
	}
	for _, c := range comparisons() {
		if !names[c.firewall] || !names[c.against] {
			t.Errorf("%+v names no firewall", c)
		}
	}
}

// TestGlossary: the document says of each firewall and each load what it is.
func TestGlossary(t *testing.T) {
	var names []string
	for _, f := range firewalls(options{}, t.TempDir()) {
		names = append(names, f.name)
	}
	for _, l := range loads() {
		names = append(names, l.name)
	}
	for _, n := range names {
		if glossary[n] == "" {
			t.Errorf("nothing is said of %q", n)
		}
	}
	if len(glossary) != len(names) {
		t.Errorf("%d things are explained, and there are %d", len(glossary), len(names))
	}
}
