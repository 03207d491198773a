package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Machine is what of this machine stands for what a unit names.
type Machine struct {
	// Writable are the directories of which the unit speaks as StateDirectory=
	// and RuntimeDirectory=. Of the file system they alone can be written to.
	Writable []string
	// Group is the number for the unit's Group=.
	Group int
}

// Exec replaces this process by argv, confined as the unit says. It needs root,
// and returns only with an error; this process may be half confined then.
//
// Directives that are not understood here do not confine.
func Exec(u Unit, m Machine, argv []string) error {
	runtime.LockOSThread()
	f, err := u.filter()
	if err != nil {
		return err
	}
	if u.Is("ProtectSystem", "strict") {
		if err := readOnly(m.Writable); err != nil {
			return fmt.Errorf("make the file system read-only: %w", err)
		}
	}
	if err := unix.Setgroups(nil); err != nil {
		return err
	}
	if err := unix.Setresgid(m.Group, m.Group, m.Group); err != nil {
		return err
	}
	if err := bound(u.Words("CapabilityBoundingSet")); err != nil {
		return err
	}
	if u.Is("MemoryDenyWriteExecute", "yes") {
		// Since Linux 6.3; before it systemd has filters of its own.
		if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil &&
			err != unix.EINVAL {
			return fmt.Errorf("PR_SET_MDWE: %w", err)
		}
	}
	if u.Is("NoNewPrivileges", "yes") {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("PR_SET_NO_NEW_PRIVS: %w", err)
		}
	}
	p := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&p)), 0,
		0); err != nil {
		return fmt.Errorf("PR_SET_SECCOMP: %w", err)
	}
	return fmt.Errorf("exec %s: %w", argv[0], unix.Exec(argv[0], argv, os.Environ()))
}

// filter is the unit's filter of system calls.
func (u Unit) filter() ([]unix.SockFilter, error) {
	architecture := map[string]uint32{
		"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if architecture == 0 {
		return nil, fmt.Errorf("no filter is built for %s", runtime.GOARCH)
	}
	calls, err := allowed(u["SystemCallFilter"])
	if err != nil {
		return nil, err
	}
	var sockets []uint32
	for _, name := range u.Words("RestrictAddressFamilies") {
		family, ok := families[name]
		if !ok {
			return nil, fmt.Errorf("address family %s is not known here", name)
		}
		sockets = append(sockets, family)
	}
	return filter(calls, sockets, architecture), nil
}

// readOnly makes every mount read-only for this thread and what it executes, but
// for some directories.
func readOnly(writable []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, dir := range writable {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	all := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &all); err != nil {
		return err
	}
	for _, dir := range writable {
		if err := unix.MountSetattr(unix.AT_FDCWD, dir, 0,
			&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// capabilities are those that a unit may keep, by name.
var capabilities = map[string]uintptr{
	"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW}

// bound drops every capability but those named from what a program that is
// executed can have.
func bound(keep []string) error {
	kept := make(map[uintptr]bool)
	for _, name := range keep {
		c, ok := capabilities[name]
		if !ok {
			return fmt.Errorf("capability %s is not known here", name)
		}
		kept[c] = true
	}
	b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return err
	}
	last, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 8)
	if err != nil {
		return err
	}
	for c := range uintptr(last) + 1 {
		if kept[c] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}
