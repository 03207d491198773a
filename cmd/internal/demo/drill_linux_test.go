package demo

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sgfw/cmd/internal/api"
)

// program builds the program that is drilled.
func program(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes network namespaces and stops threads")
	}
	self := filepath.Join(t.TempDir(), "sgfw")
	out, err := exec.Command("go", "build", "-o", self, "sgfw/cmd/sgfw").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return self
}

// TestDrill: every promise is kept, with both datapaths, and the table and the document say so.
func TestDrill(t *testing.T) {
	self := program(t)
	out, err := exec.Command(self, "doctor", "--drill", "-o", "json").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var doc api.Drill
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if doc.Schema != api.Schema || !doc.AsPromised || len(doc.Exercises) !=
		len(datapaths)*len(exercises) {
		t.Errorf("%d exercises, each is to be tried with %v:\n%s", len(doc.Exercises), datapaths, out)
	}
	for i, x := range doc.Exercises {
		want := exercises[i%len(exercises)]
		if x.Datapath != datapaths[i/len(exercises)] || x.Provoked != want.provoked ||
			x.Promised != want.promised || x.Happened == "" || !x.Kept {
			t.Errorf("%+v", x)
		}
	}
}

// deaf is a program whose daemon does not know that it is to open the machine.
func deaf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deaf")
	script := "#!/bin/sh\nsed -i 's/on_failure: { gone: accept }//' \"$5\"\nexec " + program(t) +
		" \"$@\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDrillNotKept: a daemon that stays closed where its policy says that it opens is found
// out, with each datapath.
func TestDrillNotKept(t *testing.T) {
	doc, err := drill(t.Context(), deaf(t), exercises[1:2])
	if err != nil || doc.AsPromised || len(doc.Exercises) != len(datapaths) {
		t.Fatalf("%v, %+v", err, doc)
	}
	for _, x := range doc.Exercises {
		if x.Kept || x.Happened != closed.String() {
			t.Errorf("%+v", x)
		}
	}
}
