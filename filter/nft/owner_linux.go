package nft

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownerPID finds the process that holds the netfilter netlink socket of a port
// id, 0 when it cannot be found. A port id is mostly, but not always, the
// process id: the second socket of a process gets another one.
func ownerPID(ns int, port uint32) int {
	inode := make(chan string, 1)
	go func() {
		// /proc/thread-self/net shows the thread's namespace. The thread is left
		// locked and ends with the goroutine, so no other code runs in that namespace.
		runtime.LockOSThread()
		if ns != 0 && unix.Setns(ns, unix.CLONE_NEWNET) != nil {
			inode <- ""
			return
		}
		inode <- socketInode(port)
	}()
	link := "socket:[" + <-inode + "]"
	if link == "socket:[]" {
		return 0
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == link {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			return pid
		}
	}
	return 0
}

// process is the process of a thread, or the number itself when the thread has
// ended.
func process(thread int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	for line := range strings.Lines(string(status)) {
		if id, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(id)); err == nil {
				return pid
			}
		}
	}
	return thread
}

// socketInode reads /proc/net/netlink (net/netlink/af_netlink.c,
// netlink_native_seq_show): sk, Eth, Pid, Groups, Rmem, Wmem, Dump, Locks, Drops, Inode.
func socketInode(port uint32) string {
	f, err := os.Open("/proc/thread-self/net/netlink")
	if err != nil {
		return ""
	}
	defer f.Close()
	protocol, id := strconv.Itoa(unix.NETLINK_NETFILTER), fmt.Sprint(port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if c := strings.Fields(lines.Text()); len(c) >= 10 && c[1] == protocol && c[2] == id {
			return c[9]
		}
	}
	return ""
}
