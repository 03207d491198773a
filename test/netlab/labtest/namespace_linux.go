package labtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// inNamespaceEnv marks the process that runs the tests.
const inNamespaceEnv = "SGFW_TEST_IN_NAMESPACE"

// Main runs the tests of a package that sends real packets. Without root it runs them
// in a user namespace of their own, where this machine permits it; else they skip.
func Main(m *testing.M) {
	// Where neither is possible each test says so.
	_ = netlab.EnterUserNamespace()
	os.Exit(m.Run())
}

// MainInNamespace is [Main] for code that works in the network namespace of its process
// with all its threads, where a locked thread would not do: the tests run in a process
// that has a namespace of its own.
func MainInNamespace(m *testing.M) {
	if err := netlab.EnterUserNamespace(); err != nil || netlab.InUserNamespace() ||
		os.Getenv(inNamespaceEnv) != "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // the child dies with the thread that started it
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), inNamespaceEnv+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(e.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
