package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/parity"
)

// answer posts a request to the daemon's control socket and returns what it said.
// It is as quick as a reload can be asked for.
func (d *daemon) answer(path, body string) (status int, reply string) {
	d.t.Helper()
	c := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.socket)
		},
	}}
	r, err := c.Post("http://sgfw"+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// reloadNow puts a policy in force without a process of its own; the daemon has
// answered when it returns.
func (d *daemon) reloadNow(policy string) {
	d.t.Helper()
	d.write(policy)
	if status, reply := d.answer("/v1/reload", `{}`); status != http.StatusOK {
		d.t.Fatalf("reload: status %d\n%s", status, reply)
	}
}

// turned is the gate's policy the other way round: it allows what that refuses
// and refuses what that allows.
var turned = strings.NewReplacer(
	fmt.Sprint("ports: ", gateIn, ","), fmt.Sprint("ports: ", gateInNever, ","),
	fmt.Sprint("ports: ", gateOut, ","), fmt.Sprint("ports: ", gateOutNever, ","),
).Replace(gatePolicy())

// turn makes the gate expect the other policy.
func (g *gate) turn() { g.turned = !g.turned }

// TestNewRulesHoldFromTheAnswerOn fires the first new flows as soon as the reload
// has answered: they meet the new rules, whichever way these changed.
func TestNewRulesHoldFromTheAnswerOn(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R44")
	_, server, g := newPair(t)
	d := enforce(t, server.Host(), gatePolicy())
	g.expect(t, "started", filtered)
	for i := range 100 {
		d.reloadNow([]string{turned, gatePolicy()}[i%2])
		g.turn()
		g.expect(t, fmt.Sprintf("reload %d", i), filtered)
		if t.Failed() {
			return
		}
	}
	// The same by the program's own command and by a signal, which answers
	// nothing: the new rules hold soon, and from then on.
	d.reload(turned)
	g.turn()
	g.expect(t, "sgfw reload", filtered)
	for range 2 {
		for _, p := range []string{gatePolicy(), turned} {
			d.write(p)
			if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			g.turn()
			g.soon(t, "SIGHUP", filtered)
		}
	}
	// An invalid policy by signal ends nothing.
	d.write("version: 2\n")
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(d.log.String(), "policy.yaml:1:"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("no word about the invalid policy\n%s", d.log)
			break
		}
	}
	g.expect(t, "SIGHUP with an invalid policy", filtered)
}

// TestReloadManagesOtherDevices takes a device out of the policy and puts it in
// again: its flows go on, and from the answer on it is open or filtered. While
// one entry takes it over from another, it is never open.
func TestReloadManagesOtherDevices(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	var pumps []*pump
	for _, a := range families(server) {
		echoOn(t, server.Host(), port(a, gateEcho))
	}
	other := gateOn([]string{"other0"})
	d := enforce(t, server.Host(), gatePolicy())
	for _, a := range families(server) {
		pumps = append(pumps, startPump(t, client.Host(), port(a, gateEcho), 100*time.Microsecond))
	}
	for range 5 {
		g.expect(t, "managed", filtered)
		lift := g.besiege(t)
		for range 5 {
			d.reloadNow(gateOn([]string{"eth*"}))
			d.reloadNow(gateOn([]string{"other0", "eth0"}))
		}
		g.expect(t, "managed by other entries", filtered)
		lift()
		d.reloadNow(other)
		g.expect(t, "not managed", open)
		d.reloadNow(gatePolicy())
	}
	for _, p := range pumps {
		p.finish()
	}
}
