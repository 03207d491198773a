package operations

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestIDsStay: the same definition has the same ID, whatever else is said of it, over
// reloads, roll-backs, crashes and restarts; another definition never gets it.
func TestIDsStay(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R3", "R7")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s := server.Device("eth0").IPv4()
	harness.Echoes(t, server, s, 7001, 7002, 7003, 7004)
	d := harness.Enforce(t, server, idPolicy)
	traffic := func(third bool) {
		t.Helper()
		c := client.Device("eth0").IPv4()
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, "permitted", client, "tcp", c, harness.AddrPort(s, 7001))),
			harness.Passes(harness.Exchange(t, "permitted", client, "tcp", c, harness.AddrPort(s, 7002))),
			harness.Expect(harness.PassIf(third),
				harness.Exchange(t, "permitted by the second policy", client, "tcp", c,
					harness.AddrPort(s, 7003))),
			harness.Drops(harness.Exchange(t, "not permitted", client, "tcp", c, harness.AddrPort(s, 7004))),
		})
	}
	traffic(false)
	first := d.Ids(t)
	if len(first) != 8 {
		t.Fatalf("%d IDs: %v", len(first), first)
	}
	same := func(when string, want map[string]string) {
		t.Helper()
		if got := d.Ids(t); !maps.Equal(got, want) {
			t.Errorf("%s: IDs %v, want %v", when, got, want)
		}
	}

	const added = "web ingress tcp 7003 0.0.0.0/0"
	d.Write(idPolicyRetold)
	diff := d.Must(t, 0, "reload")
	traffic(true)
	second := d.Ids(t)
	if !strings.Contains(diff, "+ group web: ingress tcp 7003 0.0.0.0/0 ("+second[added]+")\n") ||
		!strings.Contains(diff, "("+first["group web"]+")\n") {
		t.Errorf("the change does not name IDs:\n%s", diff)
	}
	all := maps.Clone(first)
	all[added] = second[added]
	same("retold", all)

	for _, end := range []func(){d.Kill, d.Stop} {
		end()
		d.Start()
		traffic(true)
		same("after a restart", all)
	}
	d.Write(idPolicy)
	d.Must(t, 0, "reload", "--confirm", "60s")
	traffic(false)
	same("unconfirmed, with the rule that is gone and carries a flow", all)
	d.Kill()
	d.Start()
	d.Must(t, 0, "rollback")
	traffic(true)
	same("rolled back, with the rule that came back", all)

	// The file alone tells the same.
	dir := filepath.Dir(d.Config)
	var checked struct{ Parts harness.Identified }
	d.Document(&checked, "check", d.Config, "--state-dir", filepath.Join(dir, "state"))
	for _, r := range checked.Parts.Rules {
		if what := strings.Join([]string{r.Group, r.Direction, r.Protocol, r.Ports, r.Peer},
			" "); first[what] != r.ID {
			t.Errorf("checked: %s has the ID %s, want %q", what, r.ID, first[what])
		}
	}

	// Where the state directory is lost or spoilt there are IDs all the same, and it is said.
	d.Stop()
	seed := filepath.Join(dir, "state", "id-seed")
	if err := os.WriteFile(seed, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Start()
	traffic(true)
	if out := d.Must(t, 0, "status"); !strings.Contains(out, "IDs are others") {
		t.Errorf("status does not say that the seed was spoilt:\n%s", out)
	}
	d.Ids(t)
	d.Stop()
	if err := os.WriteFile(seed, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Start()
	traffic(true)
	third := d.Ids(t)
	for what, id := range third {
		if first[what] == id {
			t.Errorf("another seed: %s has the ID %s as before", what, id)
		}
	}
	if out := d.Must(t, 0, "status"); strings.Contains(out, "IDs are others") {
		t.Errorf("status says that a good seed is not kept:\n%s", out)
	}
}
