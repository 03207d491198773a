package nft

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/policy"
	"sgfw/test/netlab/labtest"
)

// holdEnv makes the test binary a daemon that holds the table of the namespace
// at descriptor 3 until it is killed; its value is the word for Gone.
const holdEnv = "SGFW_TEST_HOLD_TABLE"

func TestMain(m *testing.M) {
	gone, hold := os.LookupEnv(holdEnv)
	if !hold {
		labtest.Main(m)
	}
	p := plan(policy.FailDrop, "eth0")
	if gone == policy.FailAccept.String() {
		p.Gone = policy.FailAccept
	}
	table, err := Open(InNamespace(3))
	if err == nil {
		err = table.Apply(p)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("holds")
	select {}
}

// TestKill9 kills another process that holds the table.
func TestKill9(t *testing.T) {
	for _, gone := range []policy.FailAction{policy.FailDrop, policy.FailAccept} {
		t.Run(gone.String(), func(t *testing.T) {
			host, peer := pair(t)
			needFlags(t, host.open(), tableOwner|tablePersist)
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), holdEnv+"="+gone.String())
			fd, err := unix.Dup(host.fd)
			if err != nil {
				t.Fatal(err)
			}
			namespace := os.NewFile(uintptr(fd), "namespace")
			defer namespace.Close()
			cmd.ExtraFiles = []*os.File{namespace}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewScanner(out)
			if said.Scan(); said.Text() != "holds" {
				t.Fatalf("daemon said %q", said.Text())
			}
			knock(t, host, peer, false, "while it lives")
			_, err = Open(InNamespace(host.fd))
			var owned *OwnedError
			if !errors.As(err, &owned) || owned.PID != cmd.Process.Pid {
				t.Errorf("Open beside process %d: %v", cmd.Process.Pid, err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			knock(t, host, peer, gone == policy.FailAccept, "after kill -9")
			removed, err := Cleanup(InNamespace(host.fd))
			if err != nil || (len(removed) == 1) != (gone == policy.FailDrop) {
				t.Errorf("Cleanup: %v, %v", removed, err)
			}
			knock(t, host, peer, true, "after cleanup")
		})
	}
}
