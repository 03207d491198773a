package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// userNamespaceEnv marks a process that was started in a user namespace of its own.
const userNamespaceEnv = "SGFW_USER_NAMESPACE"

// InUserNamespace reports whether this process is root by the grace of
// [EnterUserNamespace] alone.
func InUserNamespace() bool { return os.Getenv(userNamespaceEnv) != "" }

// EnterUserNamespace lets a program build labs without root. Where that is possible
// already it returns nil. Else it starts the program anew, with the same arguments, in
// a user, a network and a mount namespace of its own, in which it is root; this process
// ends with its exit code and EnterUserNamespace does not return. The error says what
// forbids it on this machine. Call it first in main.
func EnterUserNamespace() error {
	denied := Available()
	if denied == nil || InUserNamespace() {
		return denied
	}
	runtime.LockOSThread() // the child dies with the thread that started it
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), userNamespaceEnv+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	// A terminal sends its signals to both: the child decides what becomes of them.
	signal.Ignore(os.Interrupt)
	if err := c.Start(); err != nil {
		signal.Reset(os.Interrupt)
		runtime.UnlockOSThread()
		return fmt.Errorf("%w; and no user namespace can be made: %w%s", denied, err, forbidden())
	}
	err := c.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
	return nil
}

// forbidden names the settings of this machine that forbid user namespaces.
func forbidden() string {
	for _, s := range []struct{ path, value, why string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces is 0"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
			"AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.value {
			return ": " + s.why
		}
	}
	return ""
}
