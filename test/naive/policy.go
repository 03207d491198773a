package naive

import (
	"net/netip"
	"strings"
	"time"
)

// Policy is what one policy file says. The zero value manages no device.
type Policy struct {
	Lists      []List
	Groups     []Group
	Interfaces []Interface
	Remotes    []Remote
	// ACLs are the network ACLs.
	ACLs []ACL
	// RulesForErrors: rules decide about ICMP errors, also those about live flows
	// (T24).
	RulesForErrors bool
	// AsAWS: flows that AWS leaves untracked stay untracked (T2).
	AsAWS bool
	// Exempt are the services that are never filtered (§4), Cut the failsafes that
	// rules have to permit (X2).
	Exempt []Reason
	Cut    []string
}

// List is a prefix list (R22).
type List struct {
	Name    string
	Entries []netip.Prefix
}

// Group is a security group.
type Group struct {
	Name  string
	Rules [2][]Rule // by Direction
}

// All is the protocol of a rule for all protocols, and the type or code of one
// for all types or codes.
const All = -1

// Rule has exactly one peer (R1): CIDR if it is valid, else the list or group
// that is named.
type Rule struct {
	Protocol int
	// From and To are ports (R6), or type and code.
	From, To    int
	CIDR        netip.Prefix
	List, Group string
}

// Interface is a device, or all whose names begin as a pattern with one trailing
// star does.
type Interface struct {
	Device string
	// Guest: the machine behind the device is protected, not this one (X6).
	Guest  bool
	Groups []string
	// ACL names the network ACL, "" for none.
	ACL       string
	Addresses []netip.Addr
	Prefixes  []netip.Prefix
	// Check is the source/destination check (D9).
	Check bool
	// Wire: packets are judged with their addresses of the wire (X8). Nothing rewrites
	// addresses in this machine, so it makes no difference here.
	Wire bool
	// Scope is the name by which interfaces share their flows, "" for none (T26).
	Scope string
	// The idle timers (§3.3).
	Established, HalfClosed, UDP, Stream time.Duration
}

// Remote is an interface of another machine.
type Remote struct {
	Name      string
	Addresses []netip.Addr
	Prefixes  []netip.Prefix
	Groups    []string
}

// Device is one of the machine's devices with the addresses that it has.
type Device struct {
	Name      string
	Addresses []netip.Addr
	// Broadcasts stand for everybody in one of its networks.
	Broadcasts []netip.Addr
}

// Manages returns the entry that a device comes under: the exact name, else the
// longest pattern, else nil: nothing of an unmanaged device is judged (D11).
func (p *Policy) Manages(device string) *Interface {
	var best *Interface
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		start, pattern := strings.CutSuffix(n.Device, "*")
		switch {
		case n.Device == device:
			return n
		case pattern && strings.HasPrefix(device, start) &&
			(best == nil || len(n.Device) > len(best.Device)):
			best = n
		}
	}
	return best
}

// Members returns what a group peer stands for: the addresses of the interfaces that have
// the group, on this machine and on others, of both families (R27, R31), and the prefixes
// that are delegated to them. An interface that lists none has the live ones of its
// device, unless these are not its own, as behind a guest's device. Link-local addresses
// mean nothing to other machines.
func (p *Policy) Members(group string, devices []Device) []netip.Prefix {
	var all []netip.Prefix
	single := func(list []netip.Addr) {
		for _, a := range list {
			if !a.IsLinkLocalUnicast() {
				all = append(all, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	for i := range p.Interfaces {
		if n := &p.Interfaces[i]; has(n.Groups, group) {
			single(n.Addresses)
			all = append(all, n.Prefixes...)
		}
	}
	for _, d := range devices {
		if n := p.Manages(d.Name); n != nil && !n.Guest && len(n.Addresses)+len(n.Prefixes) == 0 &&
			has(n.Groups, group) {
			single(d.Addresses)
		}
	}
	for _, r := range p.Remotes {
		if has(r.Groups, group) {
			single(r.Addresses)
			all = append(all, r.Prefixes...)
		}
	}
	return all
}

// lists reports whether the policy says that the interface has the address.
func (n *Interface) lists(a netip.Addr) bool {
	return has(n.Addresses, a) || delegated(n.Prefixes, a)
}

func delegated(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if inside(p, a) {
			return true
		}
	}
	return false
}

func has[T comparable](list []T, wanted T) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}
