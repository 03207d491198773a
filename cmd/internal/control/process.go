package control

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
}

// ProcessOf looks at the process with the number pid.
func ProcessOf(pid int) Process {
	p := Process{PID: pid}
	if pid == 0 {
		return p
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name in parentheses may have any characters.
	if _, rest, ok := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]),
		") "); err == nil && ok && rest != "" {
		p.State = rest[0]
	}
	return p
}

// States of a process that does not go on by itself.
const (
	stateStopped = 'T'
	stateTraced  = 't'
	stateDisk    = 'D'
	stateZombie  = 'Z'
)

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
