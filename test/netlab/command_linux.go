package netlab

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// commandWaitDelay bounds how long a finished command's pipes are read when
// something it started keeps them open.
const commandWaitDelay = 2 * time.Second

// Cmd is an [exec.Cmd] that starts inside a host. Start it through the methods
// of Cmd only. It shares the file system, processes and users of this process,
// and is killed when this process dies or the lab is closed. /sys still shows
// this process's own devices.
type Cmd struct {
	*exec.Cmd
	host *Host
	// reaped is closed when the process has been waited for.
	reaped chan struct{}
	wait   func() error
}

// Command prepares a program to run inside the host.
func (h *Host) Command(name string, args ...string) *Cmd {
	return h.CommandContext(context.Background(), name, args...)
}

// CommandContext is Command with a program that is killed when ctx ends.
func (h *Host) CommandContext(ctx context.Context, name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, args...), host: h, reaped: make(chan struct{})}
	c.WaitDelay = commandWaitDelay
	c.wait = sync.OnceValue(func() error {
		err := c.Cmd.Wait()
		close(c.reaped)
		h.mu.Lock()
		delete(h.running, c)
		h.mu.Unlock()
		return err
	})
	return c
}

// Start starts the program and does not wait for it.
func (c *Cmd) Start() error {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	go func() {
		// The kernel sends the death signal when the *thread* that started the
		// child ends (prctl(2), PR_SET_PDEATHSIG), so it stays until the child is
		// reaped. An error in front of Start leaves the channel empty.
		err := c.host.Do(func() error {
			err := c.Cmd.Start()
			started <- err
			if err == nil {
				<-c.reaped
			}
			return err
		})
		if err != nil {
			select {
			case started <- err:
			default:
			}
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.host.mu.Lock()
	c.host.running[c] = struct{}{}
	c.host.mu.Unlock()
	return nil
}

// Wait waits for the program to end. Unlike that of exec.Cmd it may be called
// several times.
func (c *Cmd) Wait() error {
	if c.Process == nil {
		return errors.New("netlab: command not started")
	}
	return c.wait()
}

// Run starts the program and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the program and returns its standard output and error.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// stopCommands kills what still runs in the host.
func (h *Host) stopCommands() {
	h.mu.Lock()
	var running []*Cmd
	for c := range h.running {
		running = append(running, c)
	}
	h.mu.Unlock()
	for c := range slices.Values(running) {
		_ = c.Process.Kill() // it may have ended by itself
		_ = c.Wait()
	}
}
