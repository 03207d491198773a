package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// Daemon is `sgfw run` inside a host of a lab.
type Daemon struct {
	T    testing.TB
	Host *netlab.Host
	// Config and socket are files of this daemon alone.
	Config, Socket string
	// Env is added to its environment.
	Env []string
	// Stdin is its standard input, nil for none.
	Stdin io.Reader
	// Through is a program that executes its arguments; "" for none.
	Through string
	// Stderr is its standard error in place of Log; nil for Log.
	Stderr *os.File
	// Beats counts what fed the service manager's watchdog.
	Beats  *atomic.Int64
	Cmd    *netlab.Cmd
	Log    *logBuffer
	notify *net.UnixConn
	ready  chan struct{}
	ended  chan error
}

// logBuffer collects the daemon's diagnostics; it is safe for concurrent use.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Enforce runs the program with a policy in a host and returns when it says
// that it is ready. It is stopped in order when the test ends.
func Enforce(t testing.TB, host *netlab.Host, policy string, args ...string) *Daemon {
	t.Helper()
	d := Prepare(t, host, policy)
	d.Start(args...)
	return d
}

// Prepare makes a daemon that is not started yet.
func Prepare(t testing.TB, host *netlab.Host, policy string) *Daemon {
	t.Helper()
	dir := t.TempDir()
	d := &Daemon{T: t, Host: host, Config: filepath.Join(dir, "policy.yaml"),
		Socket: filepath.Join(dir, "run", "sgfw.sock")}
	d.Write(policy)
	return d
}

// Write replaces the policy file.
func (d *Daemon) Write(policy string) {
	d.T.Helper()
	if err := os.WriteFile(d.Config, []byte(carried(viewed(policy))), 0o644); err != nil {
		d.T.Fatal(err)
	}
}

// Start runs the program and waits until it is ready.
func (d *Daemon) Start(args ...string) {
	d.T.Helper()
	if err := d.launch(args...); err != nil {
		d.T.Fatalf("the daemon is not ready: %v\n%s", err, d.Log)
	}
}

// launch runs the program and waits until it is ready or has ended.
func (d *Daemon) launch(args ...string) error {
	d.T.Helper()
	if err := d.Begin(args...); err != nil {
		return err
	}
	return d.Await()
}

// Begin runs the program and waits for nothing.
func (d *Daemon) Begin(args ...string) error {
	d.T.Helper()
	socket := filepath.Join(filepath.Dir(d.Config), "notify")
	os.Remove(socket)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	d.notify, d.Log, d.ended, d.Beats = notify, new(logBuffer), make(chan error, 1), new(atomic.Int64)
	argv := append([]string{Program, "--socket", d.Socket, "run", "-c", d.Config, "--state-dir",
		filepath.Join(filepath.Dir(d.Config), "state")}, args...)
	if d.Through != "" {
		argv = append([]string{d.Through}, argv...)
	}
	d.Cmd = d.Host.Command(argv[0], argv[1:]...)
	d.Cmd.Env = append(append(os.Environ(), "NOTIFY_SOCKET="+socket, "SSH_CONNECTION="), d.Env...)
	d.Cmd.Stdin, d.Cmd.Stdout, d.Cmd.Stderr = d.Stdin, d.Log, d.Log
	if d.Stderr != nil {
		d.Cmd.Stderr = d.Stderr
	}
	if err := d.Cmd.Start(); err != nil {
		notify.Close()
		return err
	}
	cmd, ended := d.Cmd, d.ended
	go func() {
		ended <- cmd.Wait()
		notify.Close()
	}()
	d.T.Cleanup(func() {
		if d.Cmd != cmd {
			return // another one was started after it
		}
		d.End(syscall.SIGTERM)
		if d.T.Failed() {
			d.T.Logf("diagnostics of the daemon:\n%s", d.Log)
		}
	})
	// Every reload notifies again, so reading goes on as a service manager's does.
	ready, beats := make(chan struct{}, 1), d.Beats
	d.ready = ready
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err != nil {
				return // it has ended
			}
			if string(buf[:n]) == "WATCHDOG=1" {
				beats.Add(1)
			}
			if !strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
				continue
			}
			select {
			case ready <- struct{}{}:
			default:
			}
		}
	}()
	return nil
}

// Await waits until the program that began is ready or has ended.
func (d *Daemon) Await() error {
	d.T.Helper()
	select {
	case <-d.ready:
		return nil
	case err := <-d.ended:
		d.ended <- err
		return errors.Join(errors.New("it ended"), err)
	case <-time.After(20 * time.Second):
		d.Cmd.Process.Kill()
		return errors.New("nothing was heard for 20 s")
	}
}

// End sends a signal and waits until the daemon is gone. It returns how it ended.
func (d *Daemon) End(s syscall.Signal) error {
	d.T.Helper()
	d.Cmd.Process.Signal(s)
	select {
	case err := <-d.ended:
		d.ended <- err
		return err
	case <-time.After(20 * time.Second):
		d.Cmd.Process.Kill()
		d.T.Errorf("the daemon did not end within 20 s of %v\n%s", s, d.Log)
		return errors.New("killed by the test")
	}
}

// Stop ends the daemon in order.
func (d *Daemon) Stop() {
	d.T.Helper()
	if err := d.End(syscall.SIGTERM); err != nil {
		d.T.Errorf("ordered stop: %v\n%s", err, d.Log)
	}
}

// StopsWith ends a daemon in order whose exit code has something to say.
func (d *Daemon) StopsWith(code int) {
	d.T.Helper()
	err := d.End(syscall.SIGTERM)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != code {
		d.T.Errorf("ordered stop: %v, want exit %d\n%s", err, code, d.Log)
	}
}

// FlowsFile is where flows outlive the daemon.
func (d *Daemon) FlowsFile() string { return strings.TrimSuffix(d.Socket, ".sock") + ".flows" }

// ForgetFlows has the next daemon begin without the flows of the last one.
func (d *Daemon) ForgetFlows() {
	d.T.Helper()
	if err := os.Remove(d.FlowsFile()); err != nil {
		d.T.Error(err)
	}
}

// Kill ends the daemon as a crash would.
func (d *Daemon) Kill() {
	d.T.Helper()
	d.End(syscall.SIGKILL)
}

// Reload puts another policy in force; it has answered when it returns.
func (d *Daemon) Reload(policy string, args ...string) {
	d.T.Helper()
	d.Write(policy)
	if out, code := d.Sgfw(append([]string{"reload"}, args...)...); code != 0 {
		d.T.Fatalf("reload: exit %d\n%s", code, out)
	}
}

// CPU is the processor time that the daemon has used.
func (d *Daemon) CPU(t testing.TB) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system int
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
