package firewalld

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/nftables"
)

// start puts the configuration of a folder in force as the daemon does, without D-Bus.
const start = `import sys
import firewall.config as config
config.set_default_config_paths(sys.argv[1])
config.set_system_config_paths(sys.argv[2])
from firewall.core.fw import Firewall
firewall = Firewall()
firewall.start()
if firewall.get_state() != "RUNNING":
    sys.exit(firewall.get_state())
`

// conf leaves out what is asked before zones are, and is not theirs: what no policy says.
const conf = `DefaultZone=public
CleanupOnExit=no
Lockdown=no
IPv6_rpfilter=no
RFC3964_IPv4=no
IndividualCalls=no
LogDenied=off
FirewallBackend=nftables
FlushAllOnReload=yes
`

// installed is the folder below which the files of firewalld's packages are: / or what
// SGFW_FIREWALLD says, where the packages are only unpacked, because an installed daemon starts.
func installed(t *testing.T) string {
	t.Helper()
	root := cmp.Or(os.Getenv("SGFW_FIREWALLD"), "/")
	_, there := os.Stat(filepath.Join(root, "usr/lib/firewalld/services/ssh.xml"))
	python := exec.Command("/usr/bin/python3", "-c", "import firewall.core.fw, nftables")
	python.Env = append(os.Environ(), "PYTHONPATH="+modules(root))
	_, nft := exec.LookPath("nft")
	if there != nil || python.Run() != nil || nft != nil || os.Getuid() != 0 {
		t.Skip("NOT COMPARED WITH THE REAL firewalld: it needs Debian's firewalld, python3-firewall " +
			"and python3-nftables (unpacked, with SGFW_FIREWALLD=folder), nft and root")
	}
	return root
}

// modules is where those of Python are.
func modules(root string) string { return filepath.Join(root, "usr/lib/python3/dist-packages") }

// TestInForce: with the real firewalld in force, in a network namespace of its own, the kernel
// has rules that mean the same for each zone's device as what is imported.
func TestInForce(t *testing.T) {
	root := installed(t)
	shapes, err := filepath.Glob("testdata/shapes/*.yaml")
	if err != nil || len(shapes) == 0 {
		t.Fatal(shapes, err)
	}
	for _, shape := range shapes {
		shape = strings.TrimSuffix(shape, ".yaml")
		if why := different[filepath.Base(shape)]; why != "" {
			t.Logf("not %s: %s", shape, why)
			continue
		}
		t.Run(filepath.Base(shape), func(t *testing.T) {
			etc := t.TempDir()
			sources := configuration(t, shape, etc)
			lib := filepath.Join(root, "usr/lib/firewalld")
			for _, part := range []string{"services", "icmptypes", "helpers", "zones", "ipsets"} {
				if err := os.Symlink(filepath.Join(lib, part), filepath.Join(etc, "lib", part)); err != nil {
					t.Fatal(err)
				}
			}
			c := exec.Command("sh", "-ec", `echo "$1" | /usr/bin/python3 - lib . >&2; nft -j list ruleset`,
				"sh", start)
			c.Dir = etc
			c.Env = append(os.Environ(), "PYTHONPATH="+modules(root))
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
			said := &strings.Builder{}
			c.Stderr = said
			rules, err := c.Output()
			if err != nil || strings.Contains(said.String(), "ERROR") {
				t.Fatalf("%v: %s", err, said)
			}
			o := convert.Options{Vars: map[string]string{"limits": "open"}}
			ours := Import(sources, o)
			theirs := nftables.Import([]convert.Source{{Name: "kernel.json", Data: rules}}, o)
			if ours.Policy == nil || theirs.Policy == nil {
				t.Fatalf("of the files: %v\nof the kernel: %v", ours.Problems, theirs.Problems)
			}
			d := compare.Policies(ours.Policy, theirs.Policy)
			if len(d.Interfaces) > 0 || len(ours.Policy.Interfaces) == 0 {
				t.Errorf("%+v\nof the files:\n%s\nof the kernel:\n%s\n%v", d.Interfaces,
					file.Write(ours.Policy, nil), file.Write(theirs.Policy, nil), theirs.Problems)
			}
		})
	}
}

// different are shapes that the kernel's rules of the real one cannot be compared with.
var different = map[string]string{
	"ipset":           "one of its sets is nowhere",
	"zone-priorities": "firewalld 1 has none",
}

// configuration writes the files of a shape where firewalld looks for them, and returns them.
// Each zone has a device.
func configuration(t *testing.T, shape, etc string) (sources []convert.Source) {
	t.Helper()
	paths, err := filepath.Glob(shape + "/*")
	if one, bad := filepath.Glob(shape + ".xml"); bad == nil {
		paths = append(paths, one...)
	}
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, dir := range []string{"zones", "services", "policies", "ipsets", "icmptypes", "helpers",
		"lib/policies"} {
		if err := os.MkdirAll(filepath.Join(etc, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		if err := os.WriteFile(filepath.Join(etc, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("firewalld.conf", conf)
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, name := string(data), filepath.Base(path)
		dir := ""
		for element, of := range map[string]string{"<zone": "zones", "<service>": "services",
			"<policy": "policies", "<ipset": "ipsets", "<direct": "."} {
			if strings.Contains(text, "\n"+element) {
				dir = of
			}
		}
		if dir == "zones" && !strings.Contains(text, "<interface") {
			text = strings.Replace(text, "</zone>", fmt.Sprintf(`<interface name="dev%d"/></zone>`, i), 1)
		}
		if dir != "" {
			write(filepath.Join(dir, name), text)
		}
		sources = append(sources, convert.Source{Name: name, Data: []byte(text)})
	}
	return sources
}
