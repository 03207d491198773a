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
)

// inNamespaceEnv marks the process that runs the tests.
const inNamespaceEnv = "SGFW_TEST_IN_NAMESPACE"

// MainInNamespace runs the tests of a package in a process that has a network
// namespace of its own, and ends this one. It is for code that works in the namespace
// of its process with all its threads: a locked thread would not do. Without root it
// runs the tests as they are.
func MainInNamespace(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(inNamespaceEnv) != "" {
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
