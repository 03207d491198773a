package packages

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"sgfw/test/sandbox"
)

const (
	policyFile = "/etc/sgfw/sgfw.yaml"
	unitFile   = "/usr/lib/systemd/system/sgfw.service"
	stateFile  = "/var/lib/sgfw/something"
	// wants are the links of the enabled service.
	wants = "/etc/systemd/system/*/sgfw.service"
)

// installed are files of both packages.
var installed = []string{
	"/usr/bin/sgfw", policyFile, unitFile, "/var/lib/sgfw",
	"/usr/lib/modules-load.d/sgfw.conf", "/usr/lib/sysusers.d/sgfw.conf",
	"/usr/share/man/man8/sgfw.8.gz", "/usr/share/man/man5/sgfw.yaml.5.gz",
	"/usr/share/bash-completion/completions/sgfw", "/usr/share/fish/vendor_completions.d/sgfw.fish",
	"/usr/share/doc/sgfw/examples/host.yaml", "/usr/share/sgfw/schema/policy.json",
	"/usr/share/doc/sgfw/README.md", "/usr/share/doc/sgfw/docs/operations.md",
	"/usr/share/doc/sgfw/packaging/prometheus/alerts.yaml",
	"/usr/share/doc/sgfw/packaging/prometheus/dashboard.json",
	"/usr/share/doc/sgfw/packaging/systemd/metrics-on-loopback.conf",
}

// TestDeb takes the package through its life on Debian.
func TestDeb(t *testing.T) {
	needMachine(t, "dpkg")
	life{
		kind:    "deb",
		install: []string{"dpkg", "-i"},
		upgrade: []string{"dpkg", "-i"},
		remove:  []string{"dpkg", "-r", "sgfw"},
		keeps:   []string{policyFile, stateFile},
		purge:   []string{"dpkg", "-P", "sgfw"},
	}.live(t)
}

// TestRPM takes the package through its life under rpm, which does not tell
// removing from purging, and puts aside what the administrator had changed.
func TestRPM(t *testing.T) {
	needMachine(t, "rpm")
	life{
		kind:    "rpm",
		install: []string{"rpm", "--force-debian", "-i"},
		upgrade: []string{"rpm", "--force-debian", "-U"},
		remove:  []string{"rpm", "--force-debian", "-e", "sgfw"},
		keeps:   []string{policyFile + ".rpmsave"},
		purge:   []string{"rm", "-r", "/etc/sgfw"},
	}.live(t)
}

// life is what a package manager does with a package.
type life struct {
	kind                            string
	install, upgrade, remove, purge []string
	// keeps stays after remove.
	keeps []string
}

func (l life) live(t *testing.T) {
	run := func(argv []string, more ...string) string {
		t.Helper()
		argv = append(append([]string{}, argv...), more...)
		return sh(t, argv[0], argv[1:]...)
	}
	if before := left(t); len(before) > 0 {
		t.Fatalf("the machine is not as it was:\n%s", strings.Join(before, "\n"))
	}

	run(l.install, pack(t, "old", l.kind))
	for _, f := range installed {
		if !exists(f) {
			t.Errorf("%s is not installed", f)
		}
	}
	checkInstalled(t)

	// The administrator makes it theirs.
	text, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.Replace(string(text), "\ninterfaces: []",
		"\ninterfaces:\n  - device: mine0\n    security_groups: [ssh]\n", 1)
	if err := os.WriteFile(policyFile, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stateFile, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Enabled where no systemd runs, as in an image that is made.
	if _, err := exec.LookPath("systemctl"); err == nil {
		sh(t, "systemctl", "enable", "sgfw")
		if links, _ := filepath.Glob(wants); len(links) == 0 {
			t.Error("the service is not enabled")
		}
	}
	device(t)
	d := start(t)
	if got := tables(t); len(got) != 1 {
		t.Fatalf("tables %v beside a daemon, want one", got)
	}

	// An upgrade touches neither what runs nor what is theirs.
	was := sh(t, "sgfw", "version")
	run(l.upgrade, pack(t, "new", l.kind))
	if now := sh(t, "sgfw", "version"); now == was {
		t.Errorf("still %s after the upgrade", was)
	}
	if got, err := os.ReadFile(policyFile); err != nil || string(got) != mine {
		t.Errorf("the upgrade changed the policy: %v\n%s", err, got)
	}
	if pid := status(t).PID; pid != d.Process.Pid {
		t.Errorf("daemon %d after the upgrade, want %d", pid, d.Process.Pid)
	}
	if got := tables(t); len(got) != 1 {
		t.Errorf("tables %v after the upgrade, want one", got)
	}
	if !exists(stateFile) {
		t.Error("the upgrade lost the state")
	}

	// A daemon of the new version takes over what a killed one left.
	kill(t, d)
	d = start(t)
	if v := status(t).Version; !strings.Contains(sh(t, "sgfw", "version"), v) {
		t.Errorf("version %s runs", v)
	}
	kill(t, d)
	if got := tables(t); len(got) != 1 {
		t.Fatalf("tables %v after a kill, want one: the machine is closed", got)
	}

	// Removal opens the machine that nobody could open afterwards.
	run(l.remove)
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v are left", got)
	}
	if exists("/usr/bin/sgfw") || exists(unitFile) {
		t.Error("program or unit are left")
	}
	for _, f := range l.keeps {
		if !exists(f) {
			t.Errorf("%s did not survive the removal", f)
		}
	}
	run(l.purge)
	if after := left(t); len(after) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(after, "\n"))
	}
}

// checkInstalled looks at what the package made: all of it works, and nothing
// begins by itself.
func checkInstalled(t *testing.T) {
	t.Helper()
	sh(t, "sgfw", "check", policyFile)
	sh(t, "getent", "group", "sgfw")
	first, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	// Editors read it off the first line.
	line, _, _ := strings.Cut(string(first), "\n")
	if _, schema, ok := strings.Cut(line, "$schema="); !ok || !exists(schema) {
		t.Errorf("the policy begins with %q, not with a schema that is installed", line)
	}
	checkLinks(t, "/usr/share/doc/sgfw")
	sh(t, "bash", "-n", "/usr/share/bash-completion/completions/sgfw")
	for _, page := range []string{
		"/usr/share/man/man8/sgfw.8.gz", "/usr/share/man/man5/sgfw.yaml.5.gz"} {
		if !strings.Contains(sh(t, "gzip", "-dc", page), ".SH") {
			t.Errorf("%s is no manual page", page)
		}
	}
	if fi, err := os.Stat("/var/lib/sgfw"); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("/var/lib/sgfw: %v, %v, want mode 700", fi, err)
	}
	if enabled, _ := filepath.Glob(wants); len(enabled) > 0 {
		t.Errorf("the service is enabled: %v", enabled)
	}
	if got := tables(t); len(got) > 0 {
		t.Errorf("tables %v after the installation, want none", got)
	}
	if _, err := exec.LookPath("systemd-analyze"); err == nil {
		sh(t, "systemd-analyze", "verify", "--man=no", unitFile)
	}
	// Started as it is shipped it covers no device.
	device(t)
	d := start(t)
	if s := status(t); len(s.Interfaces) > 0 {
		t.Errorf("the shipped policy filters %v", s.Interfaces)
	}
	if err := d.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Errorf("ordered stop: %v", err)
	}
}

// mdLink is a link to another file in a document.
var mdLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// checkLinks follows the links of the documents: what they name is installed with them.
func checkLinks(t *testing.T, root string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range mdLink.FindAllStringSubmatch(string(text), -1) {
			seen++
			if to := filepath.Join(filepath.Dir(path), m[1]); !exists(to) {
				t.Errorf("%s links %s, which is not installed", path, m[1])
			}
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("%d links, %v", seen, err)
	}
}

// TestMaintainer: who answers for the packages has an address in the form that Debian's
// policy (5.6.2) and RFC 5322 know.
func TestMaintainer(t *testing.T) {
	needMachine(t, "dpkg-deb", "rpm")
	for _, who := range []string{
		sh(t, "dpkg-deb", "--field", pack(t, "new", "deb"), "Maintainer"),
		sh(t, "rpm", "-qp", "--queryformat", "%{PACKAGER}", pack(t, "new", "rpm")),
	} {
		who = strings.TrimSpace(who)
		if a, err := mail.ParseAddress(who); err != nil || a.Name == "" || a.Address == "" ||
			a.String() != `"`+a.Name+`" <`+a.Address+`>` {
			t.Errorf("maintainer %q: %v", who, err)
		}
	}
}

// device makes a device that a policy can name, once.
func device(t *testing.T) {
	t.Helper()
	if _, err := netlink.LinkByName("mine0"); err == nil {
		return
	}
	if err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "mine0"}, PeerName: "mine1"}); err != nil {
		t.Fatal(err)
	}
}

// start runs what the installed unit would run, and waits until it answers.
func start(t *testing.T) *exec.Cmd {
	t.Helper()
	unit, err := sandbox.ReadUnit(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	argv := unit.Words("ExecStart")
	var log bytes.Buffer
	d := exec.Command(argv[0], argv[1:]...)
	d.Stdout, d.Stderr = &log, &log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.ProcessState == nil {
			d.Process.Kill()
			d.Wait()
		}
	})
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(
		20 * time.Millisecond) {
		if exec.Command("sgfw", "status").Run() == nil {
			return d
		}
	}
	d.Process.Kill()
	d.Wait()
	t.Fatalf("the daemon does not answer:\n%s", &log)
	return nil
}

// kill ends a daemon as a crash would.
func kill(t *testing.T, d *exec.Cmd) {
	t.Helper()
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.Wait()
}

// daemonStatus is what matters here of `sgfw status -o json`.
type daemonStatus struct {
	PID        int               `json:"pid"`
	Version    string            `json:"version"`
	Interfaces []json.RawMessage `json:"interfaces"`
}

func status(t *testing.T) daemonStatus {
	t.Helper()
	var s daemonStatus
	if err := json.Unmarshal([]byte(sh(t, "sgfw", "status", "-o", "json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// tables names the nftables tables of the machine.
func tables(t *testing.T) []string {
	t.Helper()
	list, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, table := range list {
		out = append(out, table.Name)
	}
	return out
}
