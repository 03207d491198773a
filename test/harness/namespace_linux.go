package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
)

// netnsNames is where ip-netns(8) keeps the names of network namespaces.
const netnsNames = "/run/netns"

// NamedNamespace gives the network namespace of a host a name, where this process may
// do that, and returns what the program calls the namespace.
func NamedNamespace(t testing.TB, h *netlab.Host) string {
	t.Helper()
	inode, err := h.Inode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(netnsNames, 0o755); err != nil && !errors.Is(err, os.ErrPermission) &&
		!errors.Is(err, unix.EROFS) {
		t.Fatal(err)
	}
	name := fmt.Sprintf("sgfw-test-%d-%d", os.Getpid(), inode)
	path := filepath.Join(netnsNames, name)
	err = os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.NetNS()), path)
	if err != nil {
		t.Logf("the namespace has no name: %v", err)
		return fmt.Sprint(inode)
	}
	t.Cleanup(func() { os.Remove(path) })
	return fmt.Sprintf("%s (%d)", name, inode)
}
