package resolvers

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func filesOf(t *testing.T) Files {
	dir := t.TempDir()
	return Files{Conf: filepath.Join(dir, "etc", "resolv.conf"),
		Upstream: filepath.Join(dir, "run", "resolve", "resolv.conf")}
}

// put writes a file as programs do that must not be seen half-way.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func texts(list []netip.Addr) string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

func TestRead(t *testing.T) {
	const upstream = "# managed by systemd-resolved\nnameserver 192.0.2.53\nnameserver 198.51.100.53\n"
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "nameserver 10.0.0.%d\n", i)
	}
	for _, c := range []struct{ what, conf, want string }{
		{"plain", "search example.org\nnameserver 192.0.2.1\nnameserver\t2001:db8::53 \noptions edns0\n",
			"192.0.2.1 2001:db8::53"},
		{"no end of line", "nameserver 192.0.2.1", "192.0.2.1"},
		{"CRLF", "nameserver 192.0.2.1\r\n", "192.0.2.1"},
		{"stub", "nameserver 127.0.0.53\noptions trust-ad\n", "127.0.0.53 192.0.2.53 198.51.100.53"},
		{"a server of the machine itself", "nameserver ::1\n", "::1 192.0.2.53 198.51.100.53"},
		{"stub and another", "nameserver 192.0.2.53\nnameserver 127.0.0.53\n",
			"192.0.2.53 127.0.0.53 198.51.100.53"},
		{"zone", "nameserver fe80::1%eth0\n", "fe80::1%eth0"},
		{"mapped", "nameserver ::ffff:192.0.2.1\n", "192.0.2.1"},
		{"twice", "nameserver 192.0.2.1\nnameserver 192.0.2.1\n", "192.0.2.1"},
		{"comments and junk", "#nameserver 192.0.2.1\n; nameserver 192.0.2.2\n nameserver " +
			"192.0.2.3\nnameservers 192.0.2.4\nnameserver dns.example.org\nnameserver " +
			"192.0.2.300\nnameserver\n\x00\xff\n", ""},
		{"empty", "", ""},
		{"too many", many.String(), texts(first(16))},
	} {
		f := filesOf(t)
		put(t, f.Conf, c.conf)
		put(t, f.Upstream, upstream)
		if got, err := f.Read(); texts(got) != c.want || err != nil {
			t.Errorf("%s: %s (%v), want %s", c.what, texts(got), err, c.want)
		}
	}
	if got, err := filesOf(t).Read(); got != nil || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
	f := filesOf(t)
	put(t, filepath.Join(f.Conf, "below"), "")
	if _, err := f.Read(); err == nil {
		t.Error("a directory is read as a file")
	}
	f = filesOf(t)
	put(t, f.Conf, "nameserver 127.0.0.53\n")
	if got, err := f.Read(); texts(got) != "127.0.0.53" || err != nil {
		t.Errorf("no upstream file: %v, %v", got, err)
	}
}

func first(n int) (out []netip.Addr) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	return out
}

// TestFollow: a change of either file is told, however it is made, also of one
// that was not there.
func TestFollow(t *testing.T) {
	f := filesOf(t)
	put(t, f.Conf, "nameserver 192.0.2.1\n")
	seen := make(chan string, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- f.Follow(t.Context(), func() {
			list, err := f.Read()
			if err != nil {
				t.Error(err)
			}
			seen <- texts(list)
		})
	}()
	await := func(want string) {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case err := <-ended:
				t.Fatal("it ended:", err)
			case <-deadline:
				t.Fatalf("%q was never seen", want)
			}
		}
	}
	await("192.0.2.1")
	put(t, f.Conf, "nameserver 192.0.2.2\n")
	await("192.0.2.2")
	if err := os.WriteFile(f.Conf, []byte("nameserver 192.0.2.3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	await("192.0.2.3")
	other := filepath.Join(t.TempDir(), "stub.conf")
	put(t, other, "nameserver 127.0.0.53\n")
	if err := os.Remove(f.Conf); err != nil {
		t.Fatal(err)
	}
	await("")
	if err := os.Symlink(other, f.Conf); err != nil {
		t.Fatal(err)
	}
	await("127.0.0.53")
	put(t, f.Upstream, "nameserver 192.0.2.4\n")
	await("127.0.0.53 192.0.2.4")
	put(t, f.Upstream, "nameserver 192.0.2.5\n")
	await("127.0.0.53 192.0.2.5")
}

// TestPipe: a name that is a pipe is not waited for.
func TestPipe(t *testing.T) {
	f := filesOf(t)
	f.Conf = filepath.Join(t.TempDir(), "resolv.conf")
	if err := syscall.Mkfifo(f.Conf, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := f.Read()
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a pipe: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for somebody who writes")
	}
}
