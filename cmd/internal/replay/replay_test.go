package replay_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/replay"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/test/differential"
)

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// capture writes what an engine saw as `sgfw capture` does, by way of the documents that the
// daemon sends.
func capture(t *testing.T, tape *differential.Tape) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := replay.NewWriter(&file, "test", filter.MaxSnap, ruleName)
	if err != nil {
		t.Fatal(err)
	}
	recorder := explain.NewRecorder(tape.Ruleset)
	for i := range tape.Sights {
		x := &tape.Sights[i]
		part := recorder.Captured(x, begin.Add(x.Time.Sub(tape.Epoch)), func(index uint32) string {
			if index == 0 {
				return ""
			}
			return tape.Links[index-1].Name
		})
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var sent api.CapturePart
		if err := json.Unmarshal(text, &sent); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&sent); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

func ruleName(r *api.RuleRef) string {
	return fmt.Sprintf("%s%s/%s/%d", r.Group, r.NetworkACL, r.Direction, r.Index+r.Number)
}

// replayed calls each for every packet of a capture.
func replayed(t *testing.T, file []byte, tape *differential.Tape, by *policy.Policy,
	each func(p *replay.Passage, again api.CapturePart, skipped error)) {
	t.Helper()
	player, err := replay.NewPlayer(bytes.NewReader(file), replay.Names{})
	if err != nil {
		t.Fatal(err)
	}
	m := replay.NewMachine(replay.Config{Policy: by, Links: tape.Links, Resolvers: tape.Resolvers})
	recorder := explain.NewRecorder(m.Ruleset())
	for {
		p, err := player.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		x, skipped := m.Judge(&p)
		each(&p, recorder.Captured(&x, p.Time, func(uint32) string { return "" }), skipped)
	}
}

// TestReplayOfCapture: captures of an hour and more of every kind of traffic each, with the
// timers of flows on either side of every wait, are judged again as they were recorded, packet
// by packet: verdict, reason, rule, crossing and flow, and as the naive machine says.
func TestReplayOfCapture(t *testing.T) {
	const captures, packets = 40, 400
	total, other, reasons := 0, 0, make(map[string]int)
	var before *differential.Tape
	for seed := uint64(1); seed <= captures; seed++ {
		tape, err := differential.Laboratory().Record(seed, packets, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		file, n := capture(t, tape), 0
		replayed(t, file, tape, tape.Policy, func(p *replay.Passage, again api.CapturePart,
			skipped error) {
			v, rule := again.Verdict, ""
			if v.Rule != nil {
				rule = ruleName(v.Rule)
			}
			got := fmt.Sprint(v.Verdict, v.Reason, rule, v.Interface, v.Direction,
				cmp.Or(again.Before, replay.NoFlow), cmp.Or(again.After, replay.NoFlow))
			note := p.Note
			want := fmt.Sprint(note.Verdict, note.Reason, note.Rule, note.Device, note.Direction,
				note.Before, note.After)
			if skipped != nil || got != want {
				t.Fatalf("seed %d, packet %d: now %s, recorded %s %v", seed, p.Number, got, want, skipped)
			}
			if tape.Passes[n] != (v.Verdict == api.VerdictAccept) {
				t.Fatalf("seed %d, packet %d: %s, and the naive machine passes it: %t", seed, p.Number, got,
					tape.Passes[n])
			}
			reasons[v.Reason]++
			n++
		})
		if n != len(tape.Sights) {
			t.Fatalf("seed %d: %d packets of %d are in the capture", seed, n, len(tape.Sights))
		}
		total += n
		if before != nil {
			replayed(t, file, tape, before.Policy, func(p *replay.Passage, again api.CapturePart,
				_ error) {
				if again.Verdict.Verdict != p.Note.Verdict {
					other++
				}
			})
		}
		before = tape
	}
	t.Logf("%d packets, %d of them with another verdict under another policy: %v", total, other,
		reasons)
	if total < captures*packets/2 || other < total/20 || len(reasons) < 12 {
		t.Errorf("%d packets for %d reasons, %d judged otherwise by another policy: nothing learned",
			total, len(reasons), other)
	}
}
