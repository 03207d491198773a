package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/host/resolvers"
)

// exemptionOf is what status says of an exemption.
func exemptionOf(t *testing.T, s api.Status, name string) api.Exemption {
	t.Helper()
	i := slices.IndexFunc(s.Exemptions, func(x api.Exemption) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("status has no exemption %s", name)
	}
	return s.Exemptions[i]
}

// TestNameServers: those of now are exempt, through reloads and new devices; a file
// that cannot be read is no reason to end, and is said.
func TestNameServers(t *testing.T) {
	link(t, "eth0")
	cfg, log := config(t, text+"settings: { exempt: [resolvers] }\n")
	dir := t.TempDir()
	cfg.Resolvers = resolvers.Files{
		Conf: filepath.Join(dir, "resolv.conf"), Upstream: filepath.Join(dir, "upstream.conf")}
	write(t, cfg.Resolvers.Conf, "nameserver 192.0.2.53\n")
	r := begin(t, cfg, log)
	have := func(list ...string) func(api.Status) bool {
		return func(s api.Status) bool {
			return slices.Equal(exemptionOf(t, s, "resolvers").Addresses, list)
		}
	}
	asks := func(when, server, verdict string) {
		t.Helper()
		x, err := r.Explain(t.Context(),
			api.Query{Direction: "egress", Protocol: "udp", To: server + ":53"})
		if err != nil || x.Verdict != verdict ||
			(x.Exemption == "resolvers") != (verdict == api.VerdictAccept) {
			t.Errorf("%s: %s: %s by %q, %v", when, server, x.Verdict, x.Exemption, err)
		}
	}
	r.await(t, "the first name server", have("192.0.2.53"))
	asks("at the start", "192.0.2.53", api.VerdictAccept)
	asks("at the start", "192.0.2.54", api.VerdictDrop)
	write(t, cfg.Resolvers.Conf, "nameserver 192.0.2.54\nnameserver 127.0.0.53\n")
	write(t, cfg.Resolvers.Upstream, "nameserver 192.0.2.55\n")
	r.await(t, "others", have("192.0.2.54", "192.0.2.55"))
	asks("after a change", "192.0.2.53", api.VerdictDrop)
	asks("after a change", "192.0.2.55", api.VerdictAccept)

	link(t, "eth1")
	r.await(t, "a new device", have("192.0.2.54", "192.0.2.55"))
	write(t, r.file, text)
	_, err := r.Reload(t.Context(), api.ReloadRequest{})
	must(t, err)
	s := r.await(t, "none", have())
	if x := exemptionOf(t, s, "resolvers"); x.State != api.ExemptionOff {
		t.Errorf("switched off: %+v", x)
	}
	asks("switched off", "192.0.2.54", api.VerdictDrop)

	must(t, os.Remove(cfg.Resolvers.Conf))
	must(t, os.Mkdir(cfg.Resolvers.Conf, 0o755))
	if s := r.await(t, "no complaint about what nobody needs", have()); s.State != api.StateRunning {
		t.Errorf("degraded: %v", s.Degraded)
	}
	write(t, r.file, text+"settings: { exempt: [time, resolvers] }\n")
	_, err = r.Reload(t.Context(), api.ReloadRequest{})
	must(t, err)
	s = r.await(t, "the complaint", func(s api.Status) bool { return s.State == api.StateDegraded })
	if !strings.Contains(strings.Join(s.Degraded, "\n"), cfg.Resolvers.Conf) {
		t.Errorf("degraded: %v", s.Degraded)
	}
	must(t, os.Remove(cfg.Resolvers.Conf))
	write(t, cfg.Resolvers.Conf, "nameserver 192.0.2.56\n")
	if s := r.await(t, "the file again", have("192.0.2.56")); s.State != api.StateRunning {
		t.Errorf("degraded: %v", s.Degraded)
	}
}
