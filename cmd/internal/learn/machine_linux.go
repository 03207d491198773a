package learn

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"sgfw/cmd/internal/host/sockets"
)

// maxTracked is up to how many connections the kernel's connection tracking is read: it is
// read as a whole, which takes about a kilobyte for each.
const maxTracked = 1 << 17

// trackedCount is how many there are in the network namespace of who reads it, where the
// kernel tracks any.
const trackedCount = "/proc/sys/net/netfilter/nf_conntrack_count"

// tooMany is how many the kernel tracks if those are too many to read, else 0.
func tooMany(count string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(count), 10, 64)
	if err != nil || n <= maxTracked {
		return 0
	}
	return n
}

// kernelTracked lists the kernel's connection tracking, where something uses it. Where it
// cannot be read, nothing is lost but idle connections of others and who began them. So it is
// with more than maxTracked, of which it returns the number.
func kernelTracked() (out []sockets.Tracked, more uint64) {
	count, _ := os.ReadFile(trackedCount)
	if more := tooMany(string(count)); more > 0 {
		return nil, more
	}
	out, _ = sockets.KernelTracked(maxTracked)
	return out, 0
}

// deviceToward names the device that leads to an address, "" for none.
func deviceToward(a netip.Addr) string {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return ""
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return ""
	}
	return l.Attrs().Name
}
