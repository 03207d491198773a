package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestWatch saves the policy in the ways in which programs do: each save is one
// reload, and an invalid policy none.
func TestWatch(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	watched := func(text string) string { return text + "  watch: true\n" }
	d := harness.Prepare(t, server.Host(), "")
	dir := filepath.Dir(d.Config)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// As a ConfigMap: policy.yaml → ..data/policy.yaml, ..data → ..N.
	versions := 0
	swap := func(text string) {
		t.Helper()
		versions++
		version := fmt.Sprint("..", versions)
		must(os.Mkdir(filepath.Join(dir, version), 0o755))
		write(filepath.Join(version, "policy.yaml"), text)
		must(os.Symlink(version, filepath.Join(dir, "..tmp")))
		must(os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	must(os.Remove(d.Config))
	swap(watched(harness.GatePolicy()))
	must(os.Symlink(filepath.Join("..data", "policy.yaml"), d.Config))
	d.Start()
	g.Expect(t, "started", harness.Filtered)
	generation := d.Unconfirmed().Policy.Generation
	if !d.Unconfirmed().Policy.Watch {
		t.Error("status does not say that the file is watched")
	}

	replace := func(text string) {
		t.Helper()
		write("policy.yaml.new", text)
		must(os.Rename(filepath.Join(dir, "policy.yaml.new"), d.Config))
	}
	for _, save := range []struct {
		what string
		save func(string)
	}{
		{"a link that is swapped", swap},
		{"a rename", replace},
		{"in place", func(text string) {
			f, err := os.OpenFile(d.Config, os.O_WRONLY|os.O_TRUNC, 0)
			must(err)
			// The first half alone is not valid.
			for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
				_, err := f.WriteString(part)
				must(err)
				time.Sleep(50 * time.Millisecond)
			}
			must(f.Close())
		}},
		{"a rename once more", replace},
	} {
		text := turned
		if g.Turned {
			text = harness.GatePolicy()
		}
		save.save(watched(text))
		generation++
		d.AtGeneration(t, save.what, generation)
		g.Turn()
		g.Expect(t, save.what, harness.Filtered)
	}
	// Nothing comes behind, and what is not new is no reload.
	must(os.Chmod(d.Config, 0o600))
	replace(watched(harness.GatePolicy()))
	time.Sleep(time.Second)
	d.AtGeneration(t, "the same again", generation)

	replace("version: 2\n")
	deadline := time.Now().Add(harness.ArrivalTimeout)
	for ; d.Unconfirmed().Policy.Failure == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("status says nothing of the invalid file")
		}
	}
	if f := d.Unconfirmed().Policy.Failure; f.By != "watch" ||
		!strings.Contains(f.Message, "policy.yaml:1:") {
		t.Errorf("the invalid file: %+v", f)
	}
	if out, code := d.Sgfw("status"); code != 0 || !strings.Contains(out, "by watch: ") ||
		!strings.Contains(out, "the file says something else") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	g.Expect(t, "an invalid file", harness.Filtered)
	replace(watched(turned))
	d.AtGeneration(t, "a valid file again", generation+1)
	g.Turn()
	g.Expect(t, "a valid file again", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.Failure != nil || s.FileDiffers {
		t.Errorf("a valid file again: %+v", s)
	}

	// A policy that does not ask for it ends the watch.
	replace(harness.GatePolicy())
	d.AtGeneration(t, "watch left out", generation+2)
	g.Turn()
	replace(watched(turned))
	time.Sleep(time.Second)
	d.AtGeneration(t, "not watched", generation+2)
	g.Expect(t, "not watched", harness.Filtered)
	d.Must(t, 0, "reload")
	replace(watched(harness.GatePolicy()))
	d.AtGeneration(t, "watched again", generation+4)
	g.Expect(t, "watched again", harness.Filtered)
}
