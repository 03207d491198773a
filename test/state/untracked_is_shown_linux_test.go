package state

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUntrackedIsShown: explain, flows, status and a revocation say what is
// untracked and why (A4).
func TestUntrackedIsShown(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T2")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	near, far := client.IPv4(), server.IPv4()
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{
		harness.Allow("tcp", harness.Inward), `{ protocol: tcp, ports: 22, cidr_blocks: [192.0.2.0/24] }`,
	}, []string{toEverybody}, asAWS))
	type explanation struct {
		Reason   string
		Flow     *harness.ListedFlow
		Tracking *struct {
			Tracked bool
			Clause  string
			Opening *struct{ Direction string } `json:"opening_rule"`
			Return  *struct{ Direction string } `json:"return_rule"`
		}
		Reply struct{ Verdict, Reason string }
	}
	ask := func(args ...string) (x explanation) {
		t.Helper()
		d.Document(&x, append([]string{"explain"}, args...)...)
		return x
	}
	harness.EchoTCP(t, server.Host(), harness.AddrPort(far, 23))
	x := ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to",
		harness.AddrPort(far, harness.Inward).String())
	if x.Reason != "untracked" || x.Tracking == nil || x.Tracking.Tracked ||
		x.Tracking.Clause != "both-rules" ||
		x.Tracking.Opening == nil || x.Tracking.Opening.Direction != "ingress" ||
		x.Tracking.Return == nil || x.Tracking.Return.Direction != "egress" ||
		x.Reply.Verdict != "accept" || x.Reply.Reason != "untracked" {
		t.Errorf("explain, untracked: %+v", x)
	}
	x = ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to",
		harness.AddrPort(far, 22).String())
	if x.Reason != "rule" || x.Tracking == nil || !x.Tracking.Tracked ||
		x.Tracking.Clause != "opening-rule" || x.Tracking.Return == nil || x.Reply.Reason != "flow" {
		t.Errorf("explain, one network only: %+v", x)
	}
	x = ask("--ingress", "--proto", "tcp", "--from", near.String(), "--to",
		harness.AddrPort(far, 23).String())
	if x.Reason != "no-rule" || x.Tracking != nil {
		t.Errorf("explain, no rule: %+v", x)
	}
	if out := d.Must(t, 0, "explain", "--ingress", "--proto", "tcp", "--from", near.String(), "--to",
		harness.AddrPort(far, harness.Inward).String()); !strings.Contains(out,
		"tracking   not tracked: ") || !strings.Contains(out, "(both-rules)") {
		t.Errorf("explain says\n%s", out)
	}

	s := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, harness.Inward))
	x = ask("--ingress", "--proto", "tcp", "--from", s.Caller.LocalAddr().String(), "--to",
		harness.AddrPort(far, harness.Inward).String())
	if x.Reason != "untracked" || x.Flow == nil || x.Flow.Tracked || x.Flow.Clause != "both-rules" {
		t.Errorf("explain, a live flow: %+v", x)
	}
	if out := d.Must(t, 0, "flows"); !strings.Contains(out, "untracked (both-rules)") {
		t.Errorf("flows says\n%s", out)
	}
	if out := d.Must(t, 0, "status"); !strings.Contains(out,
		"untracked: 1 remembered, at most 65,536") || !strings.Contains(out, "aws: ") {
		t.Errorf("status says\n%s", out)
	}
	if out := d.Must(t, 0, "flows", "revoke", "--proto", "tcp"); !strings.Contains(out,
		"0 flows revoked; 1 untracked flow not: ") {
		t.Errorf("flows revoke says\n%s", out)
	}
	if !s.Lives() {
		t.Error("the session was cut")
	}
	if harness.Connects(t, client.Host(), harness.Anywhere, harness.AddrPort(far, 23),
		harness.SilenceTimeout) {
		t.Error("a session without a rule came about")
	}
}
