package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// daemon is `sgfw run` inside a host of a lab.
type daemon struct {
	t    testing.TB
	host *netlab.Host
	// config and socket are files of this daemon alone.
	config, socket string
	// env is added to its environment.
	env []string
	// through is a program that executes its arguments; "" for none.
	through string
	// beats counts what fed the service manager's watchdog.
	beats  *atomic.Int64
	cmd    *netlab.Cmd
	log    *logBuffer
	notify *net.UnixConn
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

// enforce runs the program with a policy in a host and returns when it says
// that it is ready. It is stopped in order when the test ends.
func enforce(t testing.TB, host *netlab.Host, policy string, args ...string) *daemon {
	t.Helper()
	d := prepare(t, host, policy)
	d.start(args...)
	return d
}

// prepare makes a daemon that is not started yet.
func prepare(t testing.TB, host *netlab.Host, policy string) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{t: t, host: host, config: filepath.Join(dir, "policy.yaml"), socket: filepath.Join(dir, "run", "sgfw.sock")}
	d.write(policy)
	return d
}

// write replaces the policy file.
func (d *daemon) write(policy string) {
	d.t.Helper()
	if err := os.WriteFile(d.config, []byte(policy), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// start runs the program and waits until it is ready.
func (d *daemon) start(args ...string) {
	d.t.Helper()
	if err := d.launch(args...); err != nil {
		d.t.Fatalf("the daemon is not ready: %v\n%s", err, d.log)
	}
}

// launch runs the program and waits until it is ready or has ended.
func (d *daemon) launch(args ...string) error {
	d.t.Helper()
	ready := filepath.Join(filepath.Dir(d.config), "notify")
	os.Remove(ready)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ready, Net: "unixgram"})
	if err != nil {
		return err
	}
	d.notify, d.log, d.ended, d.beats = notify, new(logBuffer), make(chan error, 1), new(atomic.Int64)
	argv := append([]string{program, "--socket", d.socket, "run", "-c", d.config, "--state-dir", filepath.Join(filepath.Dir(d.config), "state")}, args...)
	if d.through != "" {
		argv = append([]string{d.through}, argv...)
	}
	d.cmd = d.host.Command(argv[0], argv[1:]...)
	d.cmd.Env = append(append(os.Environ(), "NOTIFY_SOCKET="+ready, "SSH_CONNECTION="), d.env...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := d.cmd, d.ended
	go func() { ended <- cmd.Wait() }()
	d.t.Cleanup(func() {
		d.end(syscall.SIGTERM)
		notify.Close()
		if d.t.Failed() {
			d.t.Logf("diagnostics of the daemon:\n%s", d.log)
		}
	})
	// Every reload notifies again, so reading goes on as a service manager's does.
	isReady := make(chan error, 1)
	beats := d.beats
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err == nil && string(buf[:n]) == "WATCHDOG=1" {
				beats.Add(1)
			}
			if err == nil && !strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
				continue
			}
			select {
			case isReady <- err:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case err := <-isReady:
		return err
	case err := <-ended:
		ended <- err
		return errors.Join(errors.New("it ended"), err)
	case <-time.After(20 * time.Second):
		d.cmd.Process.Kill()
		return errors.New("nothing was heard for 20 s")
	}
}

// end sends a signal and waits until the daemon is gone. It returns how it ended.
func (d *daemon) end(s syscall.Signal) error {
	d.t.Helper()
	d.cmd.Process.Signal(s)
	select {
	case err := <-d.ended:
		d.ended <- err
		return err
	case <-time.After(20 * time.Second):
		d.cmd.Process.Kill()
		d.t.Errorf("the daemon did not end within 20 s of %v\n%s", s, d.log)
		return errors.New("killed by the test")
	}
}

// stop ends the daemon in order.
func (d *daemon) stop() {
	d.t.Helper()
	if err := d.end(syscall.SIGTERM); err != nil {
		d.t.Errorf("ordered stop: %v\n%s", err, d.log)
	}
}

// kill ends the daemon as a crash would.
func (d *daemon) kill() {
	d.t.Helper()
	d.end(syscall.SIGKILL)
}

// reload puts another policy in force; it has answered when it returns.
func (d *daemon) reload(policy string, args ...string) {
	d.t.Helper()
	d.write(policy)
	if out, code := d.sgfw(append([]string{"reload"}, args...)...); code != 0 {
		d.t.Fatalf("reload: exit %d\n%s", code, out)
	}
}

// sgfw runs another command of the program against the daemon, in its host. It
// returns what it printed and its exit code.
func (d *daemon) sgfw(args ...string) (out string, code int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := d.host.CommandContext(ctx, program, append([]string{"--socket", d.socket}, args...)...)
	cmd.Env = append(os.Environ(), "SSH_CONNECTION=")
	b, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		d.t.Fatalf("sgfw %v: %v", args, err)
	}
	return string(b), 0
}

// document runs a command with -o json and decodes what it prints.
func (d *daemon) document(into any, args ...string) {
	d.t.Helper()
	out, code := d.sgfw(append(args, "-o", "json")...)
	if code != 0 {
		d.t.Fatalf("sgfw %v: exit %d\n%s", args, code, out)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		d.t.Fatalf("sgfw %v: %v\n%s", args, err, out)
	}
}
