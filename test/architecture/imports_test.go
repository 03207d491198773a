package architecture

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// packetPath are the packages that every packet goes through.
var packetPath = []string{"sgfw/filter", "sgfw/filter/packet", "sgfw/filter/match",
	"sgfw/filter/nfqueue", "sgfw/conntrack"}

// readYAML are the packages that read YAML: policies, how they are written, and what other
// tools write.
var readYAML = []string{"sgfw/policy/file", "sgfw/policy/yamltext", "sgfw/policy/mend",
	"sgfw/policy/convert/tree"}

// TestNevers keeps the rooms apart: what a package must never reach, directly
// or through others.
func TestNevers(t *testing.T) {
	heavy := []string{"log/slog", "gopkg.in/yaml.v3", "github.com/spf13/cobra",
		"github.com/google/gopacket", "github.com/prometheus/client_golang", "net/http", "sgfw/cmd",
		"sgfw/test"}
	never := map[string][]string{
		"sgfw/policy":    {"sgfw/filter", "sgfw/conntrack", "sgfw/cmd", "sgfw/test"},
		"sgfw/conntrack": {"sgfw/filter", "sgfw/policy", "sgfw/cmd", "sgfw/test"},
		// A lookup of numbers, which others than the engine can use.
		"sgfw/filter/match": {"sgfw/policy", "sgfw/conntrack", "sgfw/filter/packet"},
		// One decision, in one room.
		"sgfw/filter/packet": {"sgfw/policy"},
		// The table has the policy's words (mode, failsafe, balance) and not its rules.
		"sgfw/filter/nft": {"sgfw/policy/file", "sgfw/policy/member", "sgfw/conntrack",
			"sgfw/filter/packet", "sgfw/cmd", "sgfw/test"},
		// No fault is ever injected into what enforces.
		// Nor does it ask other machines.
		"sgfw/cmd/internal/daemon": {"sgfw/test", "sgfw/cmd/internal/metadefender"},
		// Whom the engine is compared with has nothing of it.
		"sgfw/test/naive": {"sgfw/policy", "sgfw/filter", "sgfw/conntrack", "sgfw/cmd", "sgfw/test/wire"},
	}
	for _, p := range packetPath {
		never[p] = append(never[p], heavy...)
	}
	for pkg, forbidden := range never {
		for _, dep := range goList(t, "-deps", pkg) {
			for _, f := range forbidden {
				if dep == f || strings.HasPrefix(dep, f+"/") {
					t.Errorf("%s reaches %s", pkg, dep)
				}
			}
		}
	}
}

// TestImports keeps direct imports where they belong: the packet path takes
// the standard library, x/sys, mdlayher/netlink and go-nfqueue alone, and few
// packages read YAML.
func TestImports(t *testing.T) {
	allowed := []string{"sgfw/", "golang.org/x/sys/", "github.com/mdlayher/netlink",
		"github.com/florianl/go-nfqueue/v2"}
	for _, pkg := range packetPath {
		for _, dep := range goList(t, "-f", `{{join .Imports "\n"}}`, pkg) {
			if strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") &&
				!slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(dep, a) }) {
				t.Errorf("%s imports %s", pkg, dep)
			}
			if dep == "log" { // go-nfqueue has it; ours does not
				t.Errorf("%s logs", pkg)
			}
		}
	}
	for _, line := range goList(t, "-f",
		`{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}`, "sgfw/...") {
		pkg, dep, _ := strings.Cut(line, " ")
		switch {
		case dep == "gopkg.in/yaml.v3" && !slices.Contains(readYAML, pkg):
			t.Errorf("%s imports YAML, which is for %v", pkg, readYAML)
		case strings.HasPrefix(dep, "github.com/google/gopacket"):
			t.Errorf("%s imports gopacket outside its tests", pkg)
		case strings.HasPrefix(dep, "sgfw/cmd/internal/") && !strings.HasPrefix(pkg, "sgfw/cmd/"):
			t.Errorf("%s imports %s", pkg, dep)
		case strings.HasPrefix(dep, "sgfw/test/") && !strings.HasPrefix(pkg, "sgfw/test/") &&
			pkg != "sgfw/cmd/internal/demo":
			t.Errorf("%s imports %s; of the program only the demo may", pkg, dep)
		}
	}
}

// TestDaemonAloneWires: of the program's inner packages only daemon and enforce join
// several. Package api is the words that all of them speak, and screen how they look.
func TestDaemonAloneWires(t *testing.T) {
	wirers := []string{"sgfw/cmd/internal/daemon", "sgfw/cmd/internal/enforce"}
	common := []string{"sgfw/cmd/internal/api", "sgfw/cmd/internal/screen"}
	for _, pkg := range goList(t, "sgfw/cmd/internal/...") {
		if slices.Contains(wirers, pkg) {
			continue
		}
		n := 0
		for _, dep := range goList(t, "-f", `{{join .Imports "\n"}}`, pkg) {
			if strings.HasPrefix(dep, "sgfw/cmd/internal/") && !slices.Contains(common, dep) {
				n++
			}
		}
		if n > 1 {
			t.Errorf("%s imports %d of the program's inner packages; wiring belongs to the daemon", pkg, n)
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
