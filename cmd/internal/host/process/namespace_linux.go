package process

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// names is where ip-netns(8) keeps the names of namespaces.
var names = "/run/netns"

const (
	// initialInode is the initial namespace's from Linux 6.17 on (NET_NS_INIT_INO,
	// include/uapi/linux/nsfs.h).
	initialInode = 0xeffffff9
	// initialOnly is a setting that the kernel shows in the initial namespace alone
	// (net_core_table, net/core/sysctl_net_core.c).
	initialOnly = "/proc/sys/net/core/netdev_budget"
)

// ownLink is the calling thread's namespace in /proc.
const ownLink = "/proc/thread-self/ns/net"

// Own is the namespace of the calling thread, the zero value if it cannot be known.
func Own() Namespace { return namespaceOf(ownLink) }

// NamespaceWith is the namespace with an inode, the zero value for 0.
func NamespaceWith(inode uint64) Namespace {
	own, err := look(ownLink)
	if err != nil || inode == 0 {
		return Namespace{Inode: inode}
	}
	n := Namespace{Inode: inode, Initial: initial(inode, own.Ino)}
	n.Name = nameOf(uint64(own.Dev), inode)
	return n
}

// namespaceOf is the namespace behind a link of /proc, the zero value if this
// process may not look.
func namespaceOf(link string) Namespace {
	st, err := look(link)
	if err != nil {
		return Namespace{}
	}
	return NamespaceWith(st.Ino)
}

func look(path string) (st unix.Stat_t, err error) {
	err = unix.Stat(path, &st)
	return st, err
}

// initial reports whether a namespace is the initial one, as far as that can be known
// from where the thread is.
func initial(inode, own uint64) bool {
	if inode == initialInode {
		return true
	}
	return inode == own && unix.Access(initialOnly, unix.F_OK) == nil
}

// nameOf is the first name of the namespace with the inode on the file system of
// namespaces, "" for none.
func nameOf(device, inode uint64) string {
	list, _ := os.ReadDir(names) // in alphabetical order
	for _, e := range list {
		st, err := look(filepath.Join(names, e.Name()))
		if err == nil && uint64(st.Dev) == device && st.Ino == inode {
			return e.Name()
		}
	}
	return ""
}
