package operations

import (
	"fmt"
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

// onMachine has a daemon run on a machine with another machine ID.
func onMachine(t *testing.T, d *harness.Daemon, id string) {
	t.Helper()
	dir := t.TempDir()
	file, through := filepath.Join(dir, "machine-id"), filepath.Join(dir, "through")
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount sh -c "+
		`'mount --bind %s /etc/machine-id && exec "$@"' sh "$@"`+"\n", file)
	for path, text := range map[string]string{file: id + "\n", through: script} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.Through = through
}

// TestDevicesOfPlacesHaveTheirOwnIDs: a clone of a machine, with its state directory, and
// another network namespace, give the same groups and rules the same IDs, and their
// devices others; each again and again.
func TestDevicesOfPlacesHaveTheirOwnIDs(t *testing.T) {
	labtest.NeedsRealRoot(t, "namespaces get names, and machines other machine IDs")
	if _, err := os.Stat("/etc/machine-id"); err != nil {
		t.Skip("this machine has no machine ID to be replaced")
	}
	t.Parallel()
	parity.Proves(t, "R7")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	s, c := server.Device("eth0").IPv4(), client.Device("eth0").IPv4()
	harness.Echoes(t, server, s, 7001, 7004)
	dir := filepath.Join(t.TempDir(), "state")
	ids := func(h *netlab.Host, machine string) map[string]string {
		t.Helper()
		d := harness.Prepare(t, h, idPolicy)
		if machine != "" {
			onMachine(t, d, machine)
		}
		d.Start("--state-dir", dir)
		if h == server {
			try := func(port int) harness.Attempt {
				to := harness.AddrPort(s, port)
				return harness.Exchange(t, fmt.Sprint("port ", port), client, "tcp", c, to)
			}
			harness.Run(t, []harness.Attempt{harness.Passes(try(7001)), harness.Drops(try(7004))})
		}
		out := d.Ids(t)
		var checked struct{ Parts harness.Identified }
		if machine == "" {
			d.Document(&checked, "check", d.Config, "--state-dir", dir)
			for _, n := range checked.Parts.Interfaces {
				if n.ID != out["device "+n.Device] {
					t.Errorf("checked there, %s has the ID %s, want %s", n.Device, n.ID, out["device "+n.Device])
				}
			}
		}
		d.Stop()
		return out
	}
	harness.NamedNamespace(t, client)
	clone, twin := strings.Repeat("1234567890abcdef", 2), strings.Repeat("fedcba0987654321", 2)
	first := ids(server, "")
	if first["device eth0"] == "" {
		t.Fatalf("no device has an ID: %v", first)
	}
	seen := map[string]string{first["device eth0"]: "the first machine"}
	for _, x := range []struct {
		what    string
		host    *netlab.Host
		machine string
	}{{"a clone", server, clone}, {"another clone", server, twin}, {"another namespace", client, ""},
		{"the clone's other namespace", client, clone}} {
		got := ids(x.host, x.machine)
		for what, id := range first {
			if device := strings.HasPrefix(what, "device "); device == (got[what] == id) {
				t.Errorf("%s: %s has the ID %s, the first machine's is %s", x.what, what, got[what], id)
			}
		}
		if other, dup := seen[got["device eth0"]]; dup {
			t.Errorf("%s calls its eth0 as %s does", x.what, other)
		}
		seen[got["device eth0"]] = x.what
		if again := ids(x.host, x.machine); !maps.Equal(again, got) {
			t.Errorf("%s: IDs %v, and %v the second time", x.what, got, again)
		}
	}
	if again := ids(server, ""); !maps.Equal(again, first) {
		t.Errorf("the first machine has the IDs %v now, and had %v", again, first)
	}
}
