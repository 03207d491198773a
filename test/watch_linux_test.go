package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWatch saves the policy in the ways in which programs do: each save is one
// reload, and an invalid policy none.
func TestWatch(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	watched := func(text string) string { return text + "  watch: true\n" }
	d := prepare(t, server.Host(), "")
	dir := filepath.Dir(d.config)
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
	must(os.Remove(d.config))
	swap(watched(gatePolicy()))
	must(os.Symlink(filepath.Join("..data", "policy.yaml"), d.config))
	d.start()
	g.expect(t, "started", filtered)
	generation := d.trial().Policy.Generation
	if !d.trial().Policy.Watch {
		t.Error("status does not say that the file is watched")
	}

	replace := func(text string) {
		t.Helper()
		write("policy.yaml.new", text)
		must(os.Rename(filepath.Join(dir, "policy.yaml.new"), d.config))
	}
	for _, save := range []struct {
		what string
		save func(string)
	}{
		{"a link that is swapped", swap},
		{"a rename", replace},
		{"in place", func(text string) {
			f, err := os.OpenFile(d.config, os.O_WRONLY|os.O_TRUNC, 0)
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
		if g.turned {
			text = gatePolicy()
		}
		save.save(watched(text))
		generation++
		d.atGeneration(t, save.what, generation)
		g.turn()
		g.expect(t, save.what, filtered)
	}
	// Nothing comes behind, and what is not new is no reload.
	must(os.Chmod(d.config, 0o600))
	replace(watched(gatePolicy()))
	time.Sleep(time.Second)
	d.atGeneration(t, "the same again", generation)

	replace("version: 2\n")
	for deadline := time.Now().Add(patience); d.trial().Policy.Failure == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("status says nothing of the invalid file")
		}
	}
	if f := d.trial().Policy.Failure; f.By != "watch" || !strings.Contains(f.Message, "policy.yaml:1:") {
		t.Errorf("the invalid file: %+v", f)
	}
	if out, code := d.sgfw("status"); code != 0 || !strings.Contains(out, "by watch: ") || !strings.Contains(out, "the file says something else") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	g.expect(t, "an invalid file", filtered)
	replace(watched(turned))
	d.atGeneration(t, "a valid file again", generation+1)
	g.turn()
	g.expect(t, "a valid file again", filtered)
	if s := d.trial().Policy; s.Failure != nil || s.FileDiffers {
		t.Errorf("a valid file again: %+v", s)
	}

	// A policy that does not ask for it ends the watch.
	replace(gatePolicy())
	d.atGeneration(t, "watch left out", generation+2)
	g.turn()
	replace(watched(turned))
	time.Sleep(time.Second)
	d.atGeneration(t, "not watched", generation+2)
	g.expect(t, "not watched", filtered)
	d.must(t, 0, "reload")
	replace(watched(gatePolicy()))
	d.atGeneration(t, "watched again", generation+4)
	g.expect(t, "watched again", filtered)
}

// atGeneration waits until so many rulesets were published, and no more.
func (d *daemon) atGeneration(t testing.TB, what string, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got := d.trial().Policy.Generation
		if got == want {
			return
		}
		if got > want || time.Now().After(deadline) {
			t.Fatalf("%s: generation %d, want %d", what, got, want)
		}
	}
}
