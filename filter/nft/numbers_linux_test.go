package nft

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"

	"sgfw/policy"
)

// TestNumbers: a device that has an exact name as an altname is queued by its number,
// whatever becomes of its name, in either view; a prefix for its name with another view
// leaves it alone. Another device is not, in place of it.
func TestNumbers(t *testing.T) {
	for _, view := range []policy.View{policy.ViewLocal, policy.ViewWire} {
		for _, other := range []policy.View{policy.ViewLocal, policy.ViewWire} {
			t.Run(fmt.Sprintf("%s, others %s", view, other), func(t *testing.T) {
				host, peer := pair(t)
				number := uint32(host.index("eth0"))
				table := host.open()
				with := func(number uint32) Plan {
					p := plan(policy.FailDrop)
					p.QueueCount = 1
					p.Devices = []Device{{Name: longName, Number: number, View: view}, {Name: "eth1", View: view}}
					return p
				}
				host.apply(table, with(0))
				knock(t, host, peer, true, "no device has the altname")
				host.apply(table, with(number+1))
				knock(t, host, peer, true, "another device has it")
				host.apply(table, with(number))
				knock(t, host, peer, false, "eth0 has it")
				host.do(func() error {
					link, err := netlink.LinkByName("eth0")
					if err != nil {
						return err
					}
					return netlink.LinkSetName(link, "lan0")
				})
				knock(t, host, peer, false, "renamed")
				if err := table.Verify(); err != nil {
					t.Error(err)
				}

				// With a prefix that is all names: each packet meets one queue, once.
				q := host.answer(4270, func(queuedPacket) bool { return true })
				p := with(number)
				p.Devices = append(p.Devices, Device{Name: "*", View: other, Mode: policy.ModeGuest})
				host.apply(table, p)
				for _, c := range []struct {
					what     string
					from, to *lab
					at       string
					local    uint8
					wire     uint8
				}{
					{"in", peer, host, "10.7.0.1:9", hookInput, hookPre},
					{"out", host, peer, "10.7.0.2:9", hookOutput, hookPost},
				} {
					at := c.to.udp(c.at)
					q.forget()
					send(t, c.from.udp("0.0.0.0:0"), c.at, []byte(c.what))
					if !gets(at, c.what, arrives) {
						t.Errorf("%s: does not arrive", c.what)
					}
					hook, not := c.local, c.wire
					if view == policy.ViewWire {
						hook, not = not, hook
					}
					if n, m := q.seen(hook), q.seen(not); n != 1 || m != 0 {
						t.Errorf("%s: %d events in its view, %d in the other", c.what, n, m)
					}
				}
				if err := table.Verify(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
