package policy

import (
	"fmt"
	"net/netip"
	"strings"
)

// PeerKind says which field of a Peer counts.
type PeerKind uint8

const (
	// PeerCIDR is an IPv4 or IPv6 CIDR, by the family of Peer.CIDR.
	PeerCIDR PeerKind = iota
	// PeerPrefixList is a prefix list, by Peer.Name.
	PeerPrefixList
	// PeerGroup is a security group, by Peer.Name; a self reference names its
	// own group (R28).
	PeerGroup
)

// Peer is the far side of a rule: source of ingress, destination of egress (R2).
type Peer struct {
	Kind PeerKind
	CIDR netip.Prefix
	Name string
	// Self is true for a group peer written as `self: true`.
	Self bool
	Pos  Pos
}

// String is the CIDR, "list NAME" or "group NAME".
func (p Peer) String() string {
	switch p.Kind {
	case PeerPrefixList:
		return "list " + p.Name
	case PeerGroup:
		return "group " + p.Name
	}
	return p.CIDR.String()
}

// Family is an IP version that a CIDR field is for.
type Family uint8

const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String is "IPv4" or "IPv6".
func (f Family) String() string {
	if f == IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// FamilyOf returns the family of a valid CIDR.
func FamilyOf(c netip.Prefix) Family {
	if c.Addr().Is4() {
		return IPv4
	}
	return IPv6
}

// ParseCIDR reads an address with a prefix length and returns it in canonical
// form, host bits cleared (R16); compare its text with s to see whether it was
// rewritten. A bare address (R17), anything malformed (R18), IPv4-mapped IPv6,
// zones and leading zeros (R21) are refused by a Problem without Pos.
func ParseCIDR(s string) (netip.Prefix, *Problem) {
	invalid := func(hint, format string, a ...any) (netip.Prefix, *Problem) {
		return netip.Prefix{}, &Problem{
			Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...), Hint: hint}
	}
	prefix, err := netip.ParsePrefix(s)
	if err == nil {
		if prefix.Addr().Is4In6() {
			return invalid(fmt.Sprintf("write the IPv4 address %s", prefix.Addr().Unmap()),
				"%s is an IPv4-mapped IPv6 address", quote(s))
		}
		return prefix.Masked(), nil
	}
	address, length, slashed := strings.Cut(s, "/")
	addr, addrErr := netip.ParseAddr(address)
	switch {
	case s == "":
		return invalid("such as 10.0.0.0/8 or 2001:db8::/32", "the CIDR is empty")
	case strings.HasPrefix(s, "pl-"):
		return invalid("prefix lists go under prefix_lists, by name", "%s is not a CIDR", quote(s))
	case strings.HasPrefix(s, "sg-"):
		return invalid("groups go under security_groups, by name", "%s is not a CIDR", quote(s))
	case addrErr == nil && addr.Is4In6():
		return invalid(fmt.Sprintf("write the IPv4 address %s/32", addr.Unmap()),
			"%s is an IPv4-mapped IPv6 address", quote(s))
	case addrErr == nil && addr.Zone() != "":
		return invalid("leave out %"+addr.Zone(), "%s has a zone", quote(s))
	case addrErr == nil && !slashed:
		return invalid(fmt.Sprintf("a single address is %s/%d", addr, addr.BitLen()),
			"%s is an address without a prefix length", quote(s))
	case addrErr == nil:
		return invalid(fmt.Sprintf("%s takes /0 to /%d", familyOf(addr), addr.BitLen()),
			"%s has a bad prefix length %s", quote(s), quote(length))
	case leadingZero(address):
		return invalid("write decimal octets without leading zeros",
			"%s has an octet with a leading zero", quote(s))
	}
	return invalid("such as 10.0.0.0/8 or 2001:db8::/32", "%s is not a CIDR", quote(s))
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// leadingZero reports whether s is an IPv4 address but for octets such as 010,
// which some programs read as octal.
func leadingZero(s string) bool {
	octets := strings.Split(s, ".")
	if len(octets) != 4 {
		return false
	}
	padded := false
	for i, o := range octets {
		if len(o) > 1 && o[0] == '0' {
			padded = true
			if octets[i] = strings.TrimLeft(o, "0"); octets[i] == "" {
				octets[i] = "0"
			}
		}
	}
	_, err := netip.ParseAddr(strings.Join(octets, "."))
	return padded && err == nil
}

// ParseAddress reads the address of an interface: unicast, without zone or
// prefix length. Link-local addresses are refused since they are no members of
// a group (R27). The Problem has no Pos.
func ParseAddress(s string) (netip.Addr, *Problem) {
	invalid := func(hint, format string, a ...any) (netip.Addr, *Problem) {
		return netip.Addr{}, &Problem{
			Code: InvalidParameterValue, Message: fmt.Sprintf(format, a...), Hint: hint}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		if p, err := netip.ParsePrefix(s); err == nil {
			return invalid("write "+p.Addr().String(), "%s is a CIDR, not an address", quote(s))
		}
		return invalid("such as 10.0.1.7 or 2001:db8::7", "%s is not an address", quote(s))
	}
	if why := CheckAddress(a); why != nil {
		return netip.Addr{}, why
	}
	return a, nil
}

// CheckAddress says why an address cannot be that of an interface in a policy,
// nil when it can.
func CheckAddress(a netip.Addr) *Problem {
	invalid := func(why, hint string) *Problem {
		return &Problem{Code: InvalidParameterValue, Message: fmt.Sprintf("%s is %s", a, why), Hint: hint}
	}
	switch {
	case !a.IsValid():
		return &Problem{Code: InvalidParameterValue, Message: "the address is empty"}
	case a.Zone() != "":
		return invalid("an address with a zone", "leave out %"+a.Zone())
	case a.Is4In6():
		return invalid("an IPv4-mapped IPv6 address", "write "+a.Unmap().String())
	case a.IsUnspecified():
		return invalid("no address of an interface", "")
	case a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return invalid("no unicast address", "")
	case a.IsLinkLocalUnicast():
		return invalid("a link-local address", "group references stand for routable addresses only")
	}
	return nil
}
