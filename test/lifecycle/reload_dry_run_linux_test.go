package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestReloadDryRun says what a reload would do, with its exit codes, and changes
// nothing.
func TestReloadDryRun(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R45")
	client, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	harness.EchoOn(t, server.Host(), harness.AddrPort(server.IPv6(), harness.GateEcho))
	c := harness.DialTCP(t, client.Host(), harness.Anywhere,
		harness.AddrPort(server.IPv6(), harness.GateEcho), harness.ArrivalTimeout)
	if c == nil || !harness.Talks(c) {
		t.Fatal("no session")
	}
	defer c.Close()
	before := d.Unconfirmed().Policy.Generation
	d.Write(strings.ReplaceAll(turned, fmt.Sprint("protocol: tcp, ports: ", harness.GateEcho),
		fmt.Sprint("protocol: tcp, ports: ", 9)))
	var doc struct {
		DryRun     bool `json:"dry_run"`
		Generation uint64
		Changes    []struct{ Op, Part, What string }
		Orphans    struct {
			Count int
			Flows []harness.ListedFlow
		}
	}
	d.Document(&doc, "reload", "--dry-run")
	if !doc.DryRun || doc.Generation != before || len(doc.Changes) < 4 {
		t.Errorf("dry run: %+v", doc)
	}
	if doc.Orphans.Count < 1 || len(doc.Orphans.Flows) != doc.Orphans.Count {
		t.Errorf("orphans: %+v", doc.Orphans)
	}
	found := false
	for _, f := range doc.Orphans.Flows {
		found = found || f.Protocol == "tcp" && f.Remote == c.LocalAddr().String() &&
			f.Local == c.RemoteAddr().String()
	}
	if !found {
		t.Errorf("the live session is not among the orphans: %+v", doc.Orphans)
	}
	out := d.Must(t, 0, "reload", "--dry-run", "--confirm", "5s")
	for _, want := range []string{
		fmt.Sprintf("  - group state: ingress udp %d 0.0.0.0/0 (sgr-", harness.GateIn),
		fmt.Sprintf("  + group state: ingress udp %d 0.0.0.0/0 (sgr-", harness.GateInNever),
		"dry run: generation", "confirmed within 5s", "orphans: ", "SSH guard: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	g.Expect(t, "after dry runs", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.Generation != before || s.Trial != nil || !s.FileDiffers {
		t.Errorf("after dry runs: %+v", s)
	}
	d.Write("version: 2\n")
	d.Must(t, 3, "reload", "--dry-run")

	// A session that the policy would lock out.
	ssh := harness.AddrPort(server.IPv4(), 22)
	harness.EchoOn(t, server.Host(), ssh)
	d.Reload(harness.SSHPolicy(`cidr_blocks: [0.0.0.0/0]`))
	if now := d.Unconfirmed().Policy.Generation; now != before+1 {
		t.Errorf("generation %d after dry runs and a reload, want %d", now, before+1)
	}
	s := harness.DialTCP(t, client.Host(), harness.Anywhere, ssh, harness.ArrivalTimeout)
	if s == nil || !harness.Talks(s) {
		t.Fatal("no SSH session")
	}
	defer s.Close()
	d.Write(harness.GatePolicy())
	if out := d.Must(t, 5, "reload", "--dry-run"); !strings.Contains(out, client.IPv4().String()) ||
		!strings.Contains(out, "dry run: ") {
		t.Errorf("it does not say who would be locked out, or not the rest:\n%s", out)
	}
	if out := d.Must(t, 0, "reload", "--dry-run", "--force"); !strings.Contains(out,
		client.IPv4().String()) {
		t.Errorf("with --force it does not say who would be locked out:\n%s", out)
	}
	if !harness.Connects(t, client.Host(), harness.Anywhere, ssh, harness.ArrivalTimeout) {
		t.Error("a dry run locked the client out")
	}
}
