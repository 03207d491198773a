package harness

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Sgfw runs another command of the program against the daemon, in its host. It
// returns what it printed and its exit code.
func (d *Daemon) Sgfw(args ...string) (out string, code int) {
	d.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := d.Host.CommandContext(ctx, Program, append([]string{"--socket", d.Socket}, args...)...)
	cmd.Env = append(os.Environ(), "SSH_CONNECTION=")
	b, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		d.T.Fatalf("sgfw %v: %v", args, err)
	}
	return string(b), 0
}

// Document runs a command with -o json and decodes what it prints.
func (d *Daemon) Document(into any, args ...string) {
	d.T.Helper()
	out, code := d.Sgfw(append(args, "-o", "json")...)
	if code != 0 {
		d.T.Fatalf("sgfw %v: exit %d\n%s", args, code, out)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		d.T.Fatalf("sgfw %v: %v\n%s", args, err, out)
	}
}

// TurnsDown asks a daemon to put a policy in force that it must refuse with AWS's
// code; what it enforces must be what it enforced before.
func (d *Daemon) TurnsDown(t *testing.T, code, policy string) {
	t.Helper()
	d.Write(policy)
	d.Must(t, 3, "reload")
	if status, reply := d.Answer("/v1/reload", `{}`); status != http.StatusUnprocessableEntity ||
		!strings.Contains(reply, `"code":"`+code+`"`) {
		t.Errorf("status %d, want %d and the code %s:\n%s", status, http.StatusUnprocessableEntity, code,
			reply)
	}
}

// Refuses starts a daemon that must not start. It returns what it said and checks
// its exit code.
func (d *Daemon) Refuses(code int, args ...string) string {
	d.T.Helper()
	if err := d.launch(args...); err == nil {
		d.T.Errorf("it started\n%s", d.Log)
		d.Stop()
		return d.Log.String()
	}
	err := <-d.ended
	d.ended <- err
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != code {
		d.T.Errorf("refused: %v, want exit %d\n%s", err, code, d.Log)
	}
	return d.Log.String()
}

// Rejects asks for a policy in both ways that there are. It must be refused with
// exactly these codes of AWS.
func (d *Daemon) Rejects(t *testing.T, policy string, codes ...string) {
	t.Helper()
	d.Write(policy)
	status, reply := d.Answer("/v1/reload", `{}`)
	var doc struct {
		Error struct {
			Kind     string
			Problems []struct {
				Severity, Code, File, Message string
				Line, Col                     int
			}
		}
	}
	if err := json.Unmarshal([]byte(reply), &doc); err != nil ||
		status != http.StatusUnprocessableEntity || doc.Error.Kind != "invalid" {
		t.Errorf("reload: status %d, want %d (%v)\n%s", status, http.StatusUnprocessableEntity, err,
			reply)
	}
	var got []string
	for _, p := range doc.Error.Problems {
		if p.Severity != "error" {
			continue
		}
		got = append(got, p.Code)
		if p.File != d.Config || p.Line < 2 || p.Col < 1 {
			t.Errorf("%s stands at %s:%d:%d", p.Message, p.File, p.Line, p.Col)
		}
	}
	if !slices.Equal(got, codes) {
		t.Errorf("codes %q, want %q\n%s", got, codes, reply)
	}
	if out, code := d.Sgfw("reload"); code != 3 {
		t.Errorf("sgfw reload: exit %d, want 3\n%s", code, out)
	}
}

// Answer posts a request to the daemon's control socket and returns what it said.
// It is as quick as a reload can be asked for.
func (d *Daemon) Answer(path, body string) (status int, reply string) {
	d.T.Helper()
	c := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.Socket)
		},
	}}
	r, err := c.Post("http://sgfw"+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.T.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		d.T.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// ReloadNow puts a policy in force without a process of its own; the daemon has
// answered when it returns.
func (d *Daemon) ReloadNow(policy string) {
	d.T.Helper()
	d.Write(policy)
	if status, reply := d.Answer("/v1/reload", `{}`); status != http.StatusOK {
		d.T.Fatalf("reload: status %d\n%s", status, reply)
	}
}

// Must runs a command of the program that has to end with a code.
func (d *Daemon) Must(t testing.TB, code int, args ...string) string {
	t.Helper()
	out, got := d.Sgfw(args...)
	if got != code {
		t.Fatalf("sgfw %v: exit %d, want %d\n%s", args, got, code, out)
	}
	return out
}
