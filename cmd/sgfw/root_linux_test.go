//go:build !race

// Each command of a script starts this binary anew, which the race detector makes
// slow, and finds nothing in: the daemon has tests of its own for that.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab/labtest"
)

// inNamespace marks the process that runs scripts in a network namespace of its own.
const inNamespace = "SGFW_TEST_IN_NAMESPACE"

// TestScriptsAsRoot runs the command lines of testdata/root, which start daemons
// and change tables, in a network namespace that ends with them.
func TestScriptsAsRoot(t *testing.T) {
	labtest.NeedsRealRoot(t, "the scripts start daemons in the namespace of their process")
	if os.Getenv(inNamespace) == "" {
		c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestScriptsAsRoot$",
			"-test.v", fmt.Sprintf("-update=%t", *update))
		c.Env = append(os.Environ(), inNamespace+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	port := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port0"}, PeerName: "far0"}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge0"}}
	for _, l := range []netlink.Link{port, bridge} {
		if err := netlink.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Abs(filepath.Join("testdata", "screens"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "root"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SOCKET", filepath.Join(e.WorkDir, "sgfw.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "await": await,
			"screen": func(ts *testscript.TestScript, _ bool, args []string) {
				sameScreen(t, filepath.Join(golden, args[0]), ts.ReadFile("stdout"))
			}},
	})
}

// await COMMAND...: the command ends with exit code 0 before long.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: await COMMAND [ARG...]")
	}
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(
		20 * time.Millisecond) {
		if err = ts.Exec(args[0], args[1:]...); err == nil {
			return
		}
	}
	ts.Fatalf("%v: %v", args, err)
}
