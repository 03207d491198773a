package harness

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
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
	inParallel()
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

// ParallelTests is how many tests run at once that may, unless -parallel says how many. They
// wait for timers and for what must not arrive, and leave the CPUs idle. 0 is as many as there
// are CPUs. A package sets it before Main.
var ParallelTests = 6

// inParallel has them run at once.
func inParallel() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if f := flag.Lookup("test.parallel"); !said && runtime.GOMAXPROCS(0) < ParallelTests {
		f.Value.Set(strconv.Itoa(ParallelTests))
	}
}
