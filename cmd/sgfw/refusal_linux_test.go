package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"sgfw/cmd/internal/api"
)

// TestRefusalIsADocument: a command with -o json that fails prints a document that says
// why, and people are told on standard error all the same.
func TestRefusalIsADocument(t *testing.T) {
	nobody := filepath.Join(t.TempDir(), "s.sock")
	for name, tc := range map[string]struct {
		args []string
		code exitCode
		kind api.Kind
	}{
		"no daemon": {[]string{"reload"}, exitNoDaemon, api.KindNoDaemon},
		"misuse":    {[]string{"reload", "--confirm", "9999h"}, exitUsage, api.KindUsage},
		"no file":   {[]string{"check", nobody}, exitFailed, api.KindFailed},
	} {
		var out, diagnostics bytes.Buffer
		code := run(append([]string{"--socket", nobody}, append(tc.args, "-o", "json")...), &out,
			&diagnostics)
		var doc api.Refusal
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || code != tc.code ||
			doc.Schema != api.Schema || doc.Error == nil || doc.Error.Kind != tc.kind ||
			doc.Error.Message == "" || diagnostics.Len() == 0 {
			t.Errorf("%s: exit %d, %v\n%s%s", name, code, err, &out, &diagnostics)
		}
	}
	// What is no command line is told to people: nobody knows what its flags mean.
	for _, args := range [][]string{{"-o", "json", "--bogus"}, {"-o", "json", "surplus"}} {
		var out bytes.Buffer
		if code := run(append([]string{"reload"}, args...), &out, io.Discard); code != exitUsage ||
			out.Len() != 0 {
			t.Errorf("%q: exit %d, %s", args, code, &out)
		}
	}
	var out bytes.Buffer
	if run([]string{"--socket", nobody, "reload"}, &out, io.Discard); out.Len() != 0 {
		t.Errorf("for people: %s", &out)
	}
}
