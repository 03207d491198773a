package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sgfw/test/netlab"
)

// programEnv names a finished program to test in place of one built from this
// tree: `make test-mutants` puts its mutants there.
const programEnv = "SGFW_BINARY"

// program is the program under test.
var program string

func TestMain(m *testing.M) {
	if os.Getenv(confineEnv) != "" {
		fmt.Fprintln(os.Stderr, confine())
		os.Exit(1)
	}
	os.Exit(func() int {
		if netlab.Available() != nil {
			return m.Run() // every test skips, or fails where that is forbidden
		}
		if program = os.Getenv(programEnv); program == "" {
			dir, err := os.MkdirTemp("", "sgfw-test")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			program = filepath.Join(dir, "sgfw")
			build := exec.Command("go", "build", "-o", program, "sgfw/cmd/sgfw")
			build.Stderr = os.Stderr
			if err := build.Run(); err != nil {
				fmt.Fprintln(os.Stderr, "building the program under test:", err)
				return 1
			}
		}
		runAhead()
		return m.Run()
	}())
}
