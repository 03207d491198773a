package process

import (
	"fmt"
	"os"
	"strings"
)

// Process is a process and how it is. The zero value is none that is known.
type Process struct {
	PID int
	// State is the letter of proc_pid_stat(5), such as T for stopped; 0 if it cannot be
	// known.
	State byte
	// Network is its network namespace, as far as this process may look.
	Network Namespace
}

// Of looks at the process with the number pid; 0 is none.
func Of(pid int) Process {
	p := Process{PID: pid}
	if pid == 0 {
		return p
	}
	p.Network = namespaceOf(Path(pid, "ns/net"))
	b, err := os.ReadFile(Path(pid, "stat"))
	// The name in parentheses may have any characters.
	if _, rest, ok := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]),
		") "); err == nil && ok && rest != "" {
		p.State = rest[0]
	}
	return p
}

// Path is a file of a process in /proc.
func Path(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// States of a process that does not go on by itself.
const (
	stateStopped = 'T'
	stateTraced  = 't'
	stateDisk    = 'D'
	stateZombie  = 'Z'
)

// String names the process.
func (p Process) String() string {
	if p.PID == 0 {
		return "an unknown process"
	}
	return fmt.Sprintf("PID %d", p.PID)
}

// Stopped reports whether something keeps it from going on.
func (p Process) Stopped() bool { return p.State == stateStopped || p.State == stateTraced }

// Described is the state in words, "" if it is unknown.
func (p Process) Described() string {
	what := "it hangs"
	switch p.State {
	case 0:
		return ""
	case stateStopped:
		what = "it is stopped"
	case stateTraced:
		what = "a debugger has stopped it"
	case stateDisk:
		what = "it waits for a disk or a device"
	case stateZombie:
		what = "it has ended"
	}
	return fmt.Sprintf("%s, state %c", what, p.State)
}

// Hint says what makes a process go on, "" where nothing is known to.
func (p Process) Hint() string {
	if p.State == stateStopped {
		return fmt.Sprintf("sudo kill -CONT %d", p.PID)
	}
	return ""
}
