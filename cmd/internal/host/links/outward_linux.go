package links

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Outward names the devices through which a default route of the calling thread's network
// namespace leads.
func Outward() ([]string, error) {
	var indexes []int
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := netlink.RouteList(nil, family)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("links: list routes: %w", err)
		}
		for _, r := range routes {
			if r.Dst != nil {
				if ones, _ := r.Dst.Mask.Size(); ones > 0 {
					continue
				}
			}
			indexes = append(indexes, r.LinkIndex)
			for _, hop := range r.MultiPath {
				indexes = append(indexes, hop.LinkIndex)
			}
		}
	}
	var names []string
	for _, i := range indexes {
		// A route without a device, as an unreachable one, has the index 0.
		l, err := netlink.LinkByIndex(i)
		if err == nil && l.Attrs().Flags&unix.IFF_LOOPBACK == 0 &&
			!slices.Contains(names, l.Attrs().Name) {
			names = append(names, l.Attrs().Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
