package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/process"
)

// requests is every request that a client can make.
func requests(c *Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"status": func(ctx context.Context) error { _, err := c.Status(ctx); return err },
		"flows": func(ctx context.Context) error {
			return c.Flows(ctx, api.FlowQuery{}, func(api.FlowsHeader) error { return nil },
				func(api.Flow) error { return nil })
		},
		"explain": func(ctx context.Context) error {
			_, err := c.Explain(ctx, api.Query{})
			return err
		},
		"rules": func(ctx context.Context) error {
			_, err := c.Rules(ctx, api.RulesQuery{})
			return err
		},
		"log": func(ctx context.Context) error {
			return c.Log(ctx, api.LogQuery{}, func() error { return nil },
				func(api.LogRecord) error { return nil })
		},
		"log -f": func(ctx context.Context) error {
			return c.Log(ctx, api.LogQuery{Follow: true}, func() error { return nil },
				func(api.LogRecord) error { return nil })
		},
		"reload": func(ctx context.Context) error {
			_, err := c.Reload(ctx, api.ReloadRequest{Force: true})
			return err
		},
		"preview": func(ctx context.Context) error {
			_, err := c.Reload(ctx, api.ReloadRequest{DryRun: true})
			return err
		},
		"confirm": func(ctx context.Context) error {
			_, err := c.Confirm(ctx, api.EndConfirmRequest{Revoke: true})
			return err
		},
		"rollback": func(ctx context.Context) error {
			_, err := c.Rollback(ctx, api.EndConfirmRequest{})
			return err
		},
		"revoke": func(ctx context.Context) error {
			_, err := c.Revoke(ctx, api.RevokeRequest{})
			return err
		},
	}
}

// TestSilentDaemonIsGivenUp: whatever is asked, a daemon that says nothing is given up
// after two seconds, and named. It finds no request later on that would change something.
func TestSilentDaemonIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all := requests(NewClient(path))
	type end struct {
		name string
		err  error
		took time.Duration
	}
	ends := make(chan end, len(all))
	for name, ask := range all {
		go func() {
			begun := time.Now()
			err := ask(t.Context())
			ends <- end{name, err, time.Since(begun)}
		}()
	}
	for range all {
		e := <-ends
		silent, ok := errors.AsType[*UnresponsiveError](e.err)
		if !ok || !errors.Is(e.err, ErrUnresponsive) || errors.Is(e.err, ErrNoDaemon) {
			t.Errorf("%s: %v", e.name, e.err)
			continue
		}
		if e.took < firstSign-100*time.Millisecond || e.took > firstSign+3*time.Second {
			t.Errorf("%s: given up after %v", e.name, e.took)
		}
		want := fmt.Sprintf("the daemon, PID %d, does not answer", os.Getpid())
		if silent.Holder.PID != os.Getpid() || !strings.Contains(e.err.Error(), want) {
			t.Errorf("%s: %v, want %q", e.name, e.err, want)
		}
	}
	// It goes on, and finds what was left: headers of requests, and no body.
	for range all {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(c)
		c.Close()
		head, body, _ := strings.Cut(string(b), "\r\n\r\n")
		if !strings.HasPrefix(head, "GET ") && !strings.HasPrefix(head, "POST ") || body != "" {
			t.Errorf("left behind: %q", b)
		}
	}
}

// TestFullBacklogIsGivenUp: where so many wait already that nobody can connect, that is
// the same; the lock says whose socket it is.
func TestFullBacklogIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	lock, err := process.Take(lockOf(path))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}),
		unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = NewClient(path).Status(t.Context())
	if silent, ok := errors.AsType[*UnresponsiveError](err); !ok || silent.Holder.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
}

// slow takes its time for answers.
type slow struct {
	Backend
	takes time.Duration
}

func (s slow) Status(context.Context) (api.Status, error) {
	time.Sleep(s.takes)
	return api.Status{PID: 7}, nil
}

func (s slow) Reload(context.Context, api.ReloadRequest) (api.ReloadReply, error) {
	time.Sleep(s.takes)
	return api.ReloadReply{Generation: 7}, nil
}

// TestSlowAnswersAreWaitedFor: a daemon that says that it has heard may take its time.
func TestSlowAnswersAreWaitedFor(t *testing.T) {
	c := NewClient(serve(t, slow{takes: firstSign + time.Second}))
	reload := make(chan error, 1)
	go func() {
		r, err := c.Reload(t.Context(), api.ReloadRequest{})
		if err == nil && r.Generation != 7 {
			err = fmt.Errorf("%+v", r)
		}
		reload <- err
	}()
	if s, err := c.Status(t.Context()); err != nil || s.PID != 7 {
		t.Errorf("status: %+v, %v", s, err)
	}
	if err := <-reload; err != nil {
		t.Errorf("reload: %v", err)
	}
}

// TestAnswersThatNeverCome: a daemon that lives and does not answer, or stops in the
// middle of its answer, is given up later; a log may be silent.
func TestAnswersThatNeverCome(t *testing.T) {
	was := []patience{askPatience, changePatience}
	defer func() { askPatience, changePatience = was[0], was[1] }()
	for _, p := range []*patience{&askPatience, &changePatience} {
		p.answer, p.pause = 50*time.Millisecond, 50*time.Millisecond
	}
	answers := func(text string) *Client {
		path := filepath.Join(t.TempDir(), "s.sock")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { c.Close() })
				go func() {
					for r := bufio.NewReader(c); ; {
						if line, err := r.ReadString('\n'); err != nil || line == "\r\n" {
							break
						}
					}
					_, _ = io.WriteString(c, text)
				}()
			}
		}()
		return NewClient(path)
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	for _, text := range []string{"HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
		head, head + `{"schema":"sgfw/v1",`} {
		for name, ask := range requests(answers(text)) {
			if name == "log -f" {
				continue
			}
			err := ask(t.Context())
			if !errors.Is(err, errLate) || errors.Is(err, ErrProtocol) {
				t.Errorf("%s after %q: %v", name, text, err)
			}
			says := err != nil && strings.Contains(err.Error(), "sgfw status")
			changes := strings.Contains("reload preview confirm rollback revoke", name)
			if says != changes {
				t.Errorf("%s after %q: %v", name, text, err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	record := `{"schema":"sgfw/v1","follow":true}`
	err := requests(answers(head + record))["log -f"](ctx)
	if err != nil || ctx.Err() == nil {
		t.Errorf("log -f: %v", err)
	}
}
