package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // screens show local times
	testscript.Main(m, map[string]func(){"sgfw": main})
}

// TestScript runs the command lines of testdata/script as a user would.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// Nothing of the machine's own daemon reaches the scripts.
			e.Setenv("SOCKET", filepath.Join(e.WorkDir, "sgfw.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "remember": remember,
		},
	})
}

// remember VARIABLE REGEXP: the first group of the expression, as it matches the last
// output, is a variable from now on: what depends on the machine can be used all the same.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: remember VARIABLE REGEXP")
	}
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("no match for %q", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// status N COMMAND...: the command ends with exit code N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	want, got := args[0], "0"
	if err != nil {
		e, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = itoa(e.ExitCode())
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

func itoa(n int) string {
	if n < 0 || n > 9 {
		return "?"
	}
	return string(rune('0' + n))
}

// The commands refuse what they cannot do before they touch anything.
func TestRunNeedsNoPrivilegeToRefuse(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	// Otherwise the machine of the test would be closed.
	const open = "version: 2\nsettings: { on_failure: { gone: accept } }\n"
	if err := os.WriteFile(bad, []byte(open), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut discard
	if got := run([]string{"run", "-c", bad, "--socket", filepath.Join(dir, "run", "s.sock"),
		"--state-dir", ""}, &out, &errOut); got != exitInvalid {
		t.Errorf("exit code %d, want %d", got, exitInvalid)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("the socket's directory was made for an invalid policy")
	}
}

type discard struct{}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }
