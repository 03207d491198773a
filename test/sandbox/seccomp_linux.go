package sandbox

import (
	"cmp"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Where struct seccomp_data has its fields (linux/seccomp.h); arguments are 8
// bytes each, in the machine's order, which here is little endian.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetArguments    = 16
)

// Answers of a filter (linux/seccomp.h).
const (
	answerAllow = 0x7fff0000
	answerErrno = 0x00050000
)

// namespaces are the flags of clone(2) that make some.
const namespaces = unix.CLONE_NEWCGROUP | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWNS |
	unix.CLONE_NEWPID | unix.CLONE_NEWUSER | unix.CLONE_NEWUTS | unix.CLONE_NEWTIME

// families are the numbers of the address families that a unit may name.
var families = map[string]uint32{
	"AF_UNIX": unix.AF_UNIX, "AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6,
	"AF_NETLINK": unix.AF_NETLINK, "AF_PACKET": unix.AF_PACKET,
}

// filter is a program that answers EPERM to what the unit does not allow, and
// EAFNOSUPPORT to sockets of other families. architecture is the AUDIT_ARCH_*
// of this machine; calls of any other are refused.
func filter(calls map[int]bool, sockets []uint32, architecture uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	answer := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	refuse := func(e unix.Errno) unix.SockFilter { return answer(answerErrno | uint32(e)) }

	out := []unix.SockFilter{
		load(offsetArchitecture), equal(architecture, 1, 0), refuse(unix.EPERM),
		load(offsetNumber),
		// clone3 hides its flags behind a pointer: systemd makes it missing, and
		// callers fall back.
		equal(unix.SYS_CLONE3, 0, 1), refuse(unix.ENOSYS),
		equal(unix.SYS_UNSHARE, 0, 1), refuse(unix.EPERM),
		equal(unix.SYS_SETNS, 0, 1), refuse(unix.EPERM),
		equal(unix.SYS_PERSONALITY, 0, 1), refuse(unix.EPERM),
		equal(unix.SYS_CLONE, 0, 3), load(offsetArguments),
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: namespaces, Jt: 0, Jf: 1},
		refuse(unix.EPERM),
		load(offsetNumber),
	}
	// A socket's family is the first argument. What follows is skipped for other
	// calls: the load, a pair for each family, and the refusal.
	out = append(out, equal(unix.SYS_SOCKET, 0, uint8(2+2*len(sockets))), load(offsetArguments))
	for _, family := range sockets {
		out = append(out, equal(family, 0, 1), answer(answerAllow))
	}
	out = append(out, refuse(unix.EAFNOSUPPORT))
	for _, n := range slices.SortedFunc(maps.Keys(calls), cmp.Compare) {
		out = append(out, equal(uint32(n), 0, 1), answer(answerAllow))
	}
	return append(out, refuse(unix.EPERM))
}
