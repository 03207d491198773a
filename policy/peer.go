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
	// Described is true if the rule's description was written beside the peer.
	Described bool
	Pos       Pos
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
				"%s is an IPv4-mapped IPv6 address", Quote(s))
		}
		return prefix.Masked(), nil
	}
	address, length, slashed := strings.Cut(s, "/")
	addr, addrErr := netip.ParseAddr(address)
	switch {
	case s == "":
		return invalid("such as 10.0.0.0/8 or 2001:db8::/32", "the CIDR is empty")
	case strings.HasPrefix(s, "pl-"):
		return invalid("prefix lists go under prefix_lists, by name", "%s is not a CIDR", Quote(s))
	case strings.HasPrefix(s, "sg-"):
		return invalid("groups go under security_groups, by name", "%s is not a CIDR", Quote(s))
	case addrErr == nil && addr.Is4In6():
		return invalid(fmt.Sprintf("write the IPv4 address %s/32", addr.Unmap()),
			"%s is an IPv4-mapped IPv6 address", Quote(s))
	case addrErr == nil && addr.Zone() != "":
		return invalid("leave out %"+addr.Zone(), "%s has a zone", Quote(s))
	case addrErr == nil && !slashed:
		return invalid(lengthHint(addr), "%s is an address without a prefix length", Quote(s))
	case addrErr == nil:
		return invalid(fmt.Sprintf("%s takes /0 to /%d", familyOf(addr), addr.BitLen()),
			"%s has a bad prefix length %s", Quote(s), Quote(length))
	case leadingZero(address):
		return invalid("write decimal octets without leading zeros",
			"%s has an octet with a leading zero", Quote(s))
	case everybody[strings.ToLower(s)]:
		return invalid("every IPv4 address is 0.0.0.0/0, every IPv6 address ::/0", "%s is not a CIDR",
			Quote(s))
	}
	return invalid("such as 10.0.0.0/8 or 2001:db8::/32", "%s is not a CIDR", Quote(s))
}

// everybody are words that people write for all addresses.
var everybody = map[string]bool{
	"any": true, "all": true, "*": true, "anywhere": true, "everyone": true, "everybody": true,
	"everything": true, "world": true, "internet": true, "public": true, "any-ipv4": true,
	"anywhere-ipv4": true, "any-ipv6": true, "anywhere-ipv6": true,
}

// lengthHint says which prefix length an address was probably meant to have.
func lengthHint(a netip.Addr) string {
	single := fmt.Sprintf("a single address is %s/%d", a, a.BitLen())
	switch n := likelyLength(a); n {
	case 0:
		return fmt.Sprintf("every %s address is %s/0", familyOf(a), a)
	case a.BitLen():
		return single
	default:
		return fmt.Sprintf("a network is such as %s/%d; %s", a, n, single)
	}
}

// likelyLength is the prefix length that somebody had in mind who wrote an address where
// a CIDR belongs: the octets of IPv4 that are not zero, or the whole address.
func likelyLength(a netip.Addr) int {
	switch {
	case a.IsUnspecified():
		return 0
	case a.Is6():
		return a.BitLen()
	}
	length := a.BitLen()
	for o := a.As4(); length > 8 && o[length/8-1] == 0; {
		length -= 8
	}
	return length
}

// MeantCIDR returns what a text in place of CIDRs probably means: everybody, for the
// words of it and for the address that is all zeros, a network for an address that ends in
// zeros, and a single address for itself. It is the text as it is when that is unknown.
func MeantCIDR(s string, f Family) string {
	a, err := netip.ParseAddr(s)
	switch {
	case everybody[strings.ToLower(s)], err == nil && a.IsUnspecified():
		if f == IPv6 {
			return AnyIPv6.String()
		}
		return AnyIPv4.String()
	case err == nil && a.Zone() == "" && !a.Is4In6():
		return netip.PrefixFrom(a, likelyLength(a)).String()
	}
	return s
}

// nobody returns a warning when a CIDR is the address that is all zeros, which only a
// machine without an address sends from; nil otherwise.
func nobody(c netip.Prefix) *Problem {
	if !c.IsSingleIP() || !c.Addr().IsUnspecified() {
		return nil
	}
	return &Problem{Severity: SeverityWarning,
		Message: fmt.Sprintf("%s is the one address of machines that have none: it stands for "+
			"next to nobody", c),
		Hint: lengthHint(c.Addr())}
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

// ParseAddress reads an address of an interface, or a prefix that is delegated to it:
// unicast and without zone. An address is a prefix of its whole length. The Problem has no
// Pos.
func ParseAddress(s string) (netip.Prefix, *Problem) {
	a, err := netip.ParseAddr(s)
	var p netip.Prefix
	if err == nil {
		if p = netip.PrefixFrom(a, a.BitLen()); a.Zone() != "" { // a prefix has none
			return netip.Prefix{}, CheckAddress(a)
		}
	} else if p, err = netip.ParsePrefix(s); err != nil {
		return netip.Prefix{}, &Problem{Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s is not an address", Quote(s)),
			Hint:    "such as 10.0.1.7 or 2001:db8::7, or a prefix such as 10.0.1.16/28"}
	}
	if why := CheckOwn(p); why != nil {
		return netip.Prefix{}, why
	}
	return p, nil
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
	}
	return nil
}

// CheckOwn says why an address or a prefix cannot be an interface's own, nil when it can.
func CheckOwn(p netip.Prefix) *Problem {
	if p.IsValid() && p != p.Masked() {
		return &Problem{Code: InvalidParameterValue, Message: fmt.Sprintf("%s has host bits", p),
			Hint: fmt.Sprintf("write %s for all addresses of the prefix, or %s for the one", p.Masked(),
				p.Addr())}
	}
	return CheckAddress(p.Addr())
}

// CheckOwnOf is CheckOwn in a mode: only a guest says which link-local addresses it has.
// Those count on its link alone; a peer's, or this machine's, would mean nothing.
func CheckOwnOf(mode Mode, p netip.Prefix) *Problem {
	bad := CheckOwn(p)
	if bad == nil && p.Addr().IsLinkLocalUnicast() && mode != ModeGuest {
		bad = &Problem{Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s is a link-local address", OwnText(p)),
			Hint:    "group references stand for routable addresses only"}
	}
	return bad
}
