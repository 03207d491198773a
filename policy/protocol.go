package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Protocol is an IP protocol number 0-255 or AllProtocols. Zero is the IPv6
// hop-by-hop option, not "all" (R10).
type Protocol int16

// The protocols that have names (IANA protocol numbers).
const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

// MaxProtocol is the highest protocol number.
const MaxProtocol Protocol = 255

// HasPorts reports whether rules of the protocol have ports: TCP and UDP alone
// (R13).
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP }

// IsICMP reports whether rules of the protocol have a type and a code.
func (p Protocol) IsICMP() bool { return p == ICMP || p == ICMPv6 }

// Valid reports whether p is 0 to 255 or AllProtocols.
func (p Protocol) Valid() bool { return p >= AllProtocols && p <= MaxProtocol }

// String is the name where there is one, else the number; AllProtocols is
// "-1". [ParseProtocol] reads it back.
func (p Protocol) String() string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(int(p))
}

// foreignProtocols are names that AWS does not take, and what to write instead.
var foreignProtocols = map[string]string{
	"any": "all", "*": "all", "ip": "all",
	"icmp6": "icmpv6", "ipv6-icmp": "icmpv6", "icmp-v6": "icmpv6",
	"igmp": "2", "ipip": "4", "dccp": "33", "gre": "47", "esp": "50", "ah": "51",
	"ospf": "89", "vrrp": "112", "sctp": "132", "udplite": "136", "udp-lite": "136",
}

// ParseProtocol reads tcp, udp, icmp or icmpv6 in any case, a decimal number 0
// to 255, or -1 or "all" for all. Numbers that have a name become it (R10). The Problem,
// nil when all is well, has no Pos.
func ParseProtocol(s string) (Protocol, *Problem) {
	name := strings.ToLower(s)
	for _, p := range []Protocol{TCP, UDP, ICMP, ICMPv6} {
		if name == p.String() {
			return p, nil
		}
	}
	if name == "all" {
		return AllProtocols, nil
	}
	n, err := strconv.Atoi(s)
	if p := Protocol(n); err == nil && n >= -1 && n <= int(MaxProtocol) && strconv.Itoa(n) == s {
		return p, nil
	}
	bad := &Problem{Field: "protocol", Code: InvalidParameterValue,
		Message: fmt.Sprintf("unknown protocol %s", Quote(s)),
		Hint:    "tcp, udp, icmp, icmpv6, a number 0 to 255, or all"}
	if instead, ok := foreignProtocols[name]; ok {
		bad.Hint = "write " + instead
	} else if err == nil && strconv.Itoa(n) == s {
		bad.Message = fmt.Sprintf("protocol %d is out of range", n)
		bad.Hint = "protocol numbers are 0 to 255, or all"
	}
	return 0, bad
}
