package ufw

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/iptables"
)

// prelude makes a root directory for ufw of what its package installs, and the commands
// that shapes use.
const prelude = `set -eu
cd "$1"
mkdir -p etc/ufw/applications.d etc/default lib usr/share run
cp -r /usr/share/ufw usr/share/
cp -r /lib/ufw lib/
cp usr/share/ufw/iptables/*.rules usr/share/ufw/ufw.conf etc/ufw/
chmod 640 etc/ufw/*.rules
printf '%s\n' IPV6=yes 'DEFAULT_INPUT_POLICY="DROP"' 'DEFAULT_OUTPUT_POLICY="ACCEPT"' \
	'DEFAULT_FORWARD_POLICY="DROP"' 'DEFAULT_APPLICATION_POLICY="SKIP"' MANAGE_BUILTINS=no \
	IPT_SYSCTL= 'IPT_MODULES=""' > etc/default/ufw
ufw() { command ufw --rootdir="$PWD" --datadir="$PWD" "$@" >>log; }
profile() { printf '[%s]\ntitle=%s\ndescription=%s\nports=%s\n' "$1" "$1" "$1" "$2" \
	>"etc/ufw/applications.d/$(echo "$1" | tr ' ' -)"; }
setting() { sed -i "s/^$1=.*/$1=$2/" etc/default/ufw; }
`

// written runs the commands of a shape with the real ufw in a network namespace of their own,
// and those of a script behind them, and returns the folder.
func written(t *testing.T, commands, then string) string {
	t.Helper()
	if _, err := exec.LookPath("ufw"); err != nil || os.Getuid() != 0 {
		t.Skip("NOT COMPARED WITH THE REAL ufw: it needs ufw (Debian's package) and root")
	}
	text, err := os.ReadFile(commands)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.Command("sh", "-c", prelude+string(text)+then, "sh", dir)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// sources are files, by paths.
func sources(t *testing.T, paths ...string) (out []convert.Source) {
	t.Helper()
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, convert.Source{Name: filepath.Base(path), Data: data})
	}
	return out
}

var open = convert.Options{Vars: map[string]string{"limits": "open"}}

func scripts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/shapes/*.sh")
	if err != nil || len(all) < 20 {
		t.Fatalf("%d scripts: %v", len(all), err)
	}
	return all
}

// TestWrittenByUfw: what the real ufw writes, told the commands of a shape, means what the
// files of the shape mean.
func TestWrittenByUfw(t *testing.T) {
	for _, script := range scripts(t) {
		shape := strings.TrimSuffix(script, ".sh")
		t.Run(filepath.Base(shape), func(t *testing.T) {
			dir := written(t, script, "")
			paths, err := filepath.Glob(shape + "/*")
			if err != nil || len(paths) == 0 {
				t.Fatal(paths, err)
			}
			var fresh []string
			for _, p := range paths {
				from := filepath.Join(dir, "etc/ufw", filepath.Base(p))
				if filepath.Base(p) == "ufw" {
					from = filepath.Join(dir, "etc/default/ufw")
				}
				fresh = append(fresh, from)
			}
			want, got := Import(sources(t, paths...), open), Import(sources(t, fresh...), open)
			if text(want) != text(got) {
				t.Errorf("of the shape:\n%s\nof ufw:\n%s", text(want), text(got))
			}
		})
	}
}

// text is the policy of a result, or what is wrong.
func text(r convert.Result) string {
	if r.Policy == nil {
		return r.Problems.Error()
	}
	return string(file.Write(r.Policy, nil))
}

// inForce are shapes of all kinds that are put in force: of commands, and of files that a
// person has changed.
var inForce = []string{"web-server", "wireguard", "block-list", "locked-down", "ipv4-only",
	"reject-by-default", "open-inside", "ipsec", "brute-force", "docker-user", "no-ping",
	"before-insert", "masquerade"}

// TestInForce: with the real ufw in force, the kernel has rules that mean the same as the files
// of /etc/ufw: so these are put together as ufw does it.
func TestInForce(t *testing.T) {
	for _, shape := range inForce {
		t.Run(shape, func(t *testing.T) {
			base, err := filepath.Abs("testdata/shapes/" + shape)
			if err != nil {
				t.Fatal(err)
			}
			script := base + ".sh"
			if _, err := os.Stat(script); err != nil {
				script = os.DevNull
			}
			dir := written(t, script, "cp "+base+"/*.rules etc/ufw/\nufw --force enable\n"+
				"iptables-save -t filter >rules.v4; ip6tables-save -t filter >rules.v6\n")
			var files []string
			for _, name := range []string{"before", "after", "user"} {
				files = append(files, dir+"/etc/ufw/"+name+".rules", dir+"/etc/ufw/"+name+"6.rules")
			}
			ours := Import(sources(t, append(files, dir+"/etc/default/ufw")...), open)
			kernels := []string{dir + "/rules.v4", dir + "/rules.v6"}
			if shape == "ipv4-only" {
				kernels = kernels[:1] // the other one has nothing at all
			}
			theirs := iptables.Import(sources(t, kernels...), open)
			if ours.Policy == nil || theirs.Policy == nil {
				t.Fatalf("of the files: %v\nof the kernel: %v", ours.Problems, theirs.Problems)
			}
			if len(ours.Policy.Groups[0].Ingress) == 0 {
				t.Error("nothing passes")
			}
			rename(theirs.Policy)
			d := compare.Policies(ours.Policy, theirs.Policy)
			if d.Opens() || d.Closes() {
				t.Errorf("%+v\nof the files:\n%s\nof the kernel:\n%s", d.Groups, text(ours),
					text(theirs))
			}
		})
	}
}

// rename gives groups of iptables the names that they have with ufw.
func rename(p *policy.Policy) {
	name := func(s string) string { return "ufw" + strings.TrimPrefix(s, "iptables") }
	for i := range p.Groups {
		p.Groups[i].Name = name(p.Groups[i].Name)
	}
	for i := range p.Interfaces {
		groups := slices.Clone(p.Interfaces[i].Groups)
		for j := range groups {
			groups[j] = name(groups[j])
		}
		p.Interfaces[i].Groups = groups
	}
}
