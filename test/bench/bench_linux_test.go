package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables/expr"

	"sgfw/policy/file"
	"sgfw/test/bench/bulk"
	"sgfw/test/netlab/labtest"
)

// TestPolicyText: the policies of the benchmark are valid and have as many rules as their
// names say.
func TestPolicyText(t *testing.T) {
	for _, n := range []int{10, 52, 1000, 10_000} {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(path, []byte(policyText("eth0", n, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		p, problems, err := file.Load(path)
		if err := errors.Join(err, problems.Err()); err != nil {
			t.Fatalf("%d rules: %v", n, err)
		}
		rules := len(p.Groups[0].Ingress)
		for _, r := range p.Remotes {
			rules += len(r.Addresses) - 1 // a rule that names a group counts once above
		}
		if rules < n*95/100 || rules > n {
			t.Errorf("a policy of %d rules has %d", n, rules)
		}
	}
}

// TestQuickRun: a short run succeeds, each load gets packets through each kind of firewall,
// and the documents are written.
func TestQuickRun(t *testing.T) {
	labtest.RequireRoot(t)
	dir := t.TempDir()
	bench, program := programs(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bench, "-quick", "-sgfw", program, "-docs", dir,
		"-only", nameNFTables, "-only", nameOffload, "-only", nameSGFW, "-only", nameRawNetlink,
		"-only", "as documented", "-only", "forward", "-only", "in flight", "-only", "steady",
		"-only", "connect")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		nameNFTables, nameOffload, nameSGFW, nameRawNetlink, "go-nfqueue as documented",
		"in flight", "steady", "connect/close", "B/flow",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(string(out), "failed") || strings.Contains(string(out), "–") {
		t.Error("some load failed")
	}
	if t.Failed() {
		t.Logf("the run printed\n%s", out)
	}
	for _, name := range []string{"benchmarks.md", "benchmarks.svg"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Size() < 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// programs builds the benchmark and what it measures.
func programs(t *testing.T, dir string) (bench, program string) {
	build := func(name, pkg string) string {
		path := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return path
	}
	program = os.Getenv("SGFW_BINARY") // as in the black-box tests
	if program == "" {
		program = build("sgfw", "sgfw/cmd/sgfw")
	}
	return build("bench", "sgfw/test/bench"), program
}

// TestPolicies: a short run measures each command in each format, and none of it fails.
func TestPolicies(t *testing.T) {
	dir := t.TempDir()
	bench, program := programs(t, dir) // this process is larger than the program
	out, err := exec.CommandContext(t.Context(), bench, "-policies", "-quick", "-sgfw", program,
		"-docs", dir).CombinedOutput()
	if err != nil || strings.Contains(string(out), "refused") {
		t.Fatalf("%v\n%s", err, out)
	}
	page, err := os.ReadFile(filepath.Join(dir, "large-policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range bulk.Formats() {
		if n := strings.Count(string(page), "\n| "+f.Name+" | 600 | "); n < 2 {
			t.Errorf("%s is in %d tables", f.Name, n)
		}
	}
}

// TestDecisionScale: the measured decisions are right, and each row has as many cells as
// the header.
func TestDecisionScale(t *testing.T) {
	for _, measure := range []func(options) (sheet, error){scaleRules, scaleFlows, scaleInterfaces} {
		s, err := measure(options{quick: true})
		if err != nil {
			t.Error(err)
		}
		for _, r := range s.rows {
			if len(r) != len(s.head) {
				t.Errorf("%s: %d cells under %d titles", s.title, len(r), len(s.head))
			}
		}
	}
}

// TestLoadsMeetTheFirewall: a firewall that drops everything stops each load. So each load
// crosses the hooks that the firewalls use.
func TestLoadsMeetTheFirewall(t *testing.T) {
	labtest.RequireRoot(t)
	// As in main: the garbage collector cannot stop threads in raw system calls.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(128))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, pos := range positions() {
		p, err := pos.build()
		if err != nil {
			t.Fatal(err)
		}
		defer p.lab.Close()
		_, err = install(p, func(hook) [][]expr.Any { return [][]expr.Any{{verdict(expr.VerdictDrop)}} })
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range loads() {
			if strings.HasPrefix(l.name, "TCP, 8 streams") || l.name == "round trip, one CPU" ||
				pos == host && l.name[:3] != "UDP" {
				continue // they take the same path as others
			}
			if l.idle() || l.absent != "" {
				continue
			}
			t.Run(string(pos)+"/"+l.name, func(t *testing.T) {
				if v, err := l.run(t.Context(), p.ends, 10*time.Millisecond); err == nil {
					t.Errorf("%v came through", v)
				} else if errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	}
}
