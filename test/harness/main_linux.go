package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sgfw/test/netlab"
)

// Main runs the tests of a package against the program: the one that
// [ProgramEnv] names, else one that is built from this tree. The steps run
// before the tests, once there is a program.
func Main(m *testing.M, before ...func()) {
	os.Exit(runMain(m, before))
}

func runMain(m *testing.M, before []func()) int {
	if netlab.EnterUserNamespace() != nil {
		return m.Run() // every test skips, or fails where that is forbidden
	}
	if Program = os.Getenv(ProgramEnv); Program == "" {
		dir, err := os.MkdirTemp("", "sgfw-test")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		Program = filepath.Join(dir, "sgfw")
		build := exec.Command("go", "build", "-o", Program, "sgfw/cmd/sgfw")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "building the program under test:", err)
			return 1
		}
	}
	for _, f := range before {
		f()
	}
	return m.Run()
}
