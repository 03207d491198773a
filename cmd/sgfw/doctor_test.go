package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/demo"
	"sgfw/cmd/internal/screen"
)

// TestDrillIsPrinted: the table fits the screen, both ways of printing say what was not kept,
// and the command fails then.
func TestDrillIsPrinted(t *testing.T) {
	kept := api.Exercise{Datapath: "userspace", Kept: true,
		Provoked: "the flow table is full",
		Promised: "it keeps its limit; a live connection goes on; a new one finds room",
		Happened: "16 flows of 16, 128 made room; the connection goes on; what rules permit passes, " +
			"nothing else"}
	broken := kept
	broken.Datapath, broken.Kept = "offload", false
	for _, c := range []struct {
		list []api.Exercise
		err  error
		says string
	}{
		{[]api.Exercise{kept, kept}, nil, "2 provoked, 2 as promised"},
		{[]api.Exercise{kept, broken}, demo.ErrSurprise, "2 provoked, 1 as promised"},
	} {
		doc := api.Drill{Schema: api.Schema, AsPromised: c.err == nil, Exercises: c.list}
		for _, f := range []format{formatTable, formatWide, formatJSON} {
			var out bytes.Buffer
			p := &program{out: &out, screen: screen.Screen{Width: 80}}
			if err := p.printDrill(doc, f); !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", f, err, c.err)
			}
			if f == formatJSON {
				var got api.Drill
				if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.AsPromised != (c.err == nil) ||
					len(got.Exercises) != 2 || got.Exercises[1] != c.list[1] {
					t.Errorf("%v, %+v", err, got)
				}
				continue
			}
			if text := out.String(); !strings.Contains(text, c.says) ||
				strings.Contains(text, " NO\n") != (c.err != nil) || !strings.Contains(text, "userspace") {
				t.Errorf("%s:\n%s", f, text)
			}
			for line := range strings.Lines(out.String()) {
				if f == formatTable && len([]rune(line)) > 81 {
					t.Errorf("too wide: %s", line)
				}
			}
		}
	}
}
