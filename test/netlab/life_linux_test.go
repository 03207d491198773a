package netlab_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// roleEnv makes the test binary play a part of a test in a process of its own.
const roleEnv = "SGFW_NETLAB_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		labtest.Main(m)
	case "victim":
		victim()
	case "pause":
		fmt.Println("ready")
		select {}
	}
}

// victim builds a lab, moves one end of its link into the namespace in which it
// was started, starts a child inside the lab, says so and waits to be killed.
func victim() {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	fail(err)
	top := netlab.Pair()
	top.Links[0].A.Dev = "tell-tale"
	lab, err := netlab.Build(top)
	fail(err)
	nl := lab.Host("client").Netlink()
	end, err := nl.LinkByName("tell-tale")
	fail(err)
	fail(nl.LinkSetNsFd(end, int(here.Fd())))
	child := lab.Host("server").Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleEnv+"=pause")
	fail(child.Start())
	fmt.Println("ready", child.Process.Pid)
	select {}
}

// self is this test binary in another role, inside a host.
func self(h *netlab.Host, role string) *netlab.Cmd {
	c := h.Command("/proc/self/exe")
	c.Env = append(os.Environ(), roleEnv+"="+role)
	return c
}

// TestKilledProcessLeavesNothing kills a process that runs a lab with a program
// in it. One end of the lab's link lies in a namespace of this test: it goes when
// the kernel takes the other end's namespace down, and not before.
func TestKilledProcessLeavesNothing(t *testing.T) {
	lab := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "outside"}}})
	outside := lab.Host("outside")
	c := self(outside, "victim")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var child int
	if _, serr := fmt.Sscanf(line, "ready %d", &child); serr != nil {
		t.Fatalf("victim said %q (%v)", line, err)
	}
	if _, err := outside.Netlink().LinkByName("tell-tale"); err != nil {
		t.Fatalf("the victim's link is not here: %v", err)
	}
	if err := unix.Kill(child, 0); err != nil {
		t.Fatalf("the victim's child does not run: %v", err)
	}

	if err := c.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
	eventually(t, "the link goes", func() bool {
		_, err := outside.Netlink().LinkByName("tell-tale")
		return errors.As(err, &netlink.LinkNotFoundError{})
	})
	eventually(t, "the child goes", func() bool { return !runs(child) })
}

// runs tells whether a process exists and is not a zombie: the machine's init may
// be slow to reap.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// TestCloseLeavesNothing counts descriptors, threads' namespaces and goroutines.
func TestCloseLeavesNothing(t *testing.T) {
	labtest.RequireRoot(t)
	use := func() {
		lab, err := netlab.Build(netlab.Router())
		if err != nil {
			t.Fatal(err)
		}
		c, err := lab.Host("server").Capture("eth0", netlab.CaptureOptions{})
		if err != nil {
			t.Fatal(err)
		}
		from, to := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
		if err := from.Send(udpBetween(to.IPv4(), from, "x")); err != nil {
			t.Fatal(err)
		}
		if err := self(lab.Host("fw"), "pause").Start(); err != nil { // Close ends it
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := lab.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// what the first use opens for good: the poller, a template thread
	use()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would close what was forgotten
	files, goroutines := settledFiles(t), runtime.NumGoroutine()
	for range 5 {
		use()
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d open files, %d before", now, files)
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "threads leave", func() bool { return threadsElsewhere(t) == 0 })
}

// TestBuildFailureLeavesNothing lets the last route of the topology fail.
func TestBuildFailureLeavesNothing(t *testing.T) {
	labtest.RequireRoot(t)
	top := netlab.Router()
	top.Hosts[3].Routes = append(top.Hosts[3].Routes, top.Hosts[3].Routes[0])
	build := func() {
		if lab, err := netlab.Build(top); !errors.Is(err, unix.EEXIST) || lab != nil {
			t.Fatalf("%v, want that the route exists", err)
		}
	}
	build()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would close what was forgotten
	files := settledFiles(t)
	build()
	if now := openFiles(t); now != files {
		t.Errorf("%d open files, %d before", now, files)
	}
}

// TestFailingTestLeavesNothing runs a test that fails in the middle, with a lab
// and a program running.
func TestFailingTestLeavesNothing(t *testing.T) {
	labtest.RequireRoot(t)
	if os.Getenv("SGFW_NETLAB_FAIL") == "1" {
		lab := labtest.New(t, netlab.Pair())
		if err := self(lab.Host("client"), "pause").Start(); err != nil {
			t.Error(err)
		}
		inode, err := lab.Host("client").Inode()
		t.Fatalf("inode=%d %v", inode, err)
	}
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestFailingTestLeavesNothing$")
	c.Env = append(os.Environ(), "SGFW_NETLAB_FAIL=1")
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatal("the test that must fail passed")
	}
	_, rest, _ := strings.Cut(string(out), "inode=")
	var inode uint64
	if _, err := fmt.Sscan(rest, &inode); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	eventually(t, "no process is left in the namespace",
		func() bool { return len(processesIn(t, inode)) == 0 })
}

// TestDoThrowsItsThreadAway enters a host from many goroutines and looks for
// threads that stayed, the process's first one included.
func TestDoThrowsItsThreadAway(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	client := lab.Host("client")
	want, err := client.Inode()
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for range 50 {
		go func() {
			errs <- client.Do(func() error {
				if got := netInode(t, "/proc/thread-self/ns/net"); got != want {
					return fmt.Errorf("namespace %d, want %d", got, want)
				}
				runtime.Gosched()
				if unix.Gettid() == unix.Getpid() {
					return errors.New("on the process's first thread")
				}
				return nil
			})
		}()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "threads leave", func() bool { return threadsElsewhere(t) == 0 })
}

func TestDoReturnsWhenTheFunctionDoesNot(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	if err := lab.Host("client").Do(func() error { runtime.Goexit(); return nil }); !errors.Is(err,
		netlab.ErrGoexit) {
		t.Errorf("%v, want that the goroutine ended", err)
	}
}

func TestCommand(t *testing.T) {
	lab := labtest.New(t, netlab.Pair())
	client := lab.Host("client")
	inode, err := client.Inode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.Command("readlink", "/proc/self/ns/net").Output()
	if want := fmt.Sprintf("net:[%d]\n", inode); err != nil || string(out) != want {
		t.Errorf("%q %v, want %q", out, err, want)
	}
	if out, err := client.Command("sh", "-c",
		"echo both >&2; exit 3").CombinedOutput(); string(out) != "both\n" || exitCode(err) != 3 {
		t.Errorf("%q %v, want exit code 3", out, err)
	}
	if err := client.Command("/does/not/exist").Run(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that it does not exist", err)
	}
	if err := client.Command("true").Wait(); err == nil {
		t.Error("waited for a command that was not started")
	}

	c := self(client, "pause")
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	if got := processesIn(t, inode); len(got) != 1 {
		t.Errorf("processes %v in the host, want one", got)
	}
	if err := lab.Close(); err != nil {
		t.Error(err)
	}
	if runs(c.Process.Pid) {
		t.Error("still runs after the lab is closed")
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// settledFiles is openFiles once goroutines of earlier tests have closed theirs.
func settledFiles(t *testing.T) int {
	t.Helper()
	runtime.GC() // files that nobody closed are closed by their cleanups
	n := openFiles(t)
	eventually(t, "open files settle", func() bool {
		time.Sleep(20 * time.Millisecond)
		before := n
		n = openFiles(t)
		return n == before
	})
	return n
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// threadsElsewhere counts threads that are not in the process's namespace.
func threadsElsewhere(t *testing.T) int {
	t.Helper()
	home := netInode(t, "/proc/self/ns/net")
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, task := range tasks {
		if got := netInode(t, "/proc/self/task/"+task.Name()+"/ns/net"); got != home && got != 0 {
			n++
		}
	}
	return n
}

// processesIn lists the processes whose first thread is in the namespace.
func processesIn(t *testing.T, inode uint64) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, e := range entries {
		if e.Name()[0] >= '1' && e.Name()[0] <= '9' && netInode(t, "/proc/"+e.Name()+"/ns/net") == inode {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

// netInode is 0 for a thread that has ended meanwhile.
func netInode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0
	}
	return st.Ino
}
