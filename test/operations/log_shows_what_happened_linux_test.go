package operations

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestLogShowsWhatHappened: drops and new connections appear as they happen, with
// the rule that decided or came nearest; packets of flows only when asked for.
func TestLogShowsWhatHappened(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil))
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(far, harness.Inward),
			harness.AddrPort(far, harness.Inward+1))
		all, drops, others := d.Follow(t, "--all"), d.Follow(t, "--drop", "--proto", "tcp"),
			d.Follow(t, "--port", "9", "--interface", "eth0")
		usual := d.Follow(t)
		from, refused := harness.AddrPort(near, harness.UnusedPort()),
			harness.AddrPort(near, harness.UnusedPort())
		if !harness.Connects(t, client.Host(), from, harness.AddrPort(far, harness.Inward),
			harness.ArrivalTimeout) {
			t.Fatal("no connection")
		}
		if harness.Connects(t, client.Host(), refused, harness.AddrPort(far, harness.Inward+1),
			harness.SilenceTimeout/2) {
			t.Error("connected without a rule")
		}
		of := func(end netip.AddrPort) func(harness.LoggedVerdict) bool {
			return func(v harness.LoggedVerdict) bool {
				return v.From == end.String() || v.To == end.String()
			}
		}
		for what, f := range map[string]*harness.Follower{"drops": drops, "usual": usual, "all": all} {
			got := f.Await(what, 1, of(refused))
			if len(got) == 0 {
				continue
			}
			v := got[0]
			if v.Schema != "sgfw/v1" || v.Type != "verdict" || v.Verdict != "drop" ||
				v.Reason != "no-rule" || v.Interface != "eth0" || v.Direction != "ingress" ||
				v.Protocol != "tcp" || v.From != refused.String() ||
				v.To != harness.AddrPort(far, harness.Inward+1).String() ||
				strings.Join(v.TCPFlags, " ") != "syn" || v.Rule != nil {
				t.Errorf("%s: the drop is logged as %+v", what, v)
			}
			if n := v.Nearest; n == nil || n.Rule.Group != "state" || n.Rule.Index != 0 ||
				len(n.Fields) != 1 ||
				n.Fields[0].Field != "port" || n.Fields[0].Want != fmt.Sprint(harness.Inward) ||
				n.Fields[0].Got != fmt.Sprint(harness.Inward+1) {
				t.Errorf("%s: nearest to the drop: %+v", what, n)
			}
		}
		got := usual.Await("the new connection", 1, of(from))
		if len(got) != 1 || got[0].Verdict != "accept" || got[0].Reason != "rule" || got[0].Rule == nil ||
			got[0].Rule.Group != "state" {
			t.Errorf("the new connection is logged as %+v", got)
		}
		// Its handshake and a round trip are more packets of the flow. With offload the log has
		// those that are judged: the ends of both sides.
		// Queues tell of their packets each for itself, so the order is not quite theirs.
		opening := 0
		judged := harness.ByDatapath(5, 3)
		for _, v := range all.Await("packets of the connection", judged, of(from)) {
			if v.Reason == "rule" {
				opening++
			} else if v.Verdict != "accept" || v.Reason != "flow" || v.Rule == nil {
				t.Errorf("a packet of the connection is logged as %+v", v)
			}
		}
		if opening != 1 {
			t.Errorf("%d packets opened the connection", opening)
		}
		if got := drops.Seen(of(from)); len(got) != 0 {
			t.Errorf("accepted, and among the drops: %+v", got)
		}
		if got := others.Seen(func(harness.LoggedVerdict) bool { return true }); len(got) != 0 {
			t.Errorf("of another port: %+v", got)
		}

		all.Conforms()

		// What nobody watched is remembered if it was dropped.
		out, code := d.Sgfw("log", "-o", "json", "--address", refused.Addr().String(), "--port",
			fmt.Sprint(refused.Port()))
		if code != 0 || strings.Count(out, refused.String()) < 1 || strings.Contains(out, "accept") {
			t.Errorf("the last drops: exit %d\n%s", code, out)
		}
		if out, _ := d.Sgfw("log"); !regexp.MustCompile(
			fmt.Sprintf(`nearest: state/ingress/0 \(sgr-[0-9a-f]{17}\) wants port %d`,
				harness.Inward)).MatchString(out) || strings.Contains(out, from.String()) {
			t.Errorf("the last drops for people:\n%s", out)
		}
	})
	f := d.Follow(t)
	d.Stop()
	if err := <-f.Ended; err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("the daemon stopped: the follower ended with %v, want exit status 4", err)
	}
	f.Ended <- nil
}
