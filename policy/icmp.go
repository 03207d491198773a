package policy

import "fmt"

// Every ICMP type in use with its highest code. AWS does not check that a code
// exists for a type: such a rule is stored and matches nothing real (R11).
// Sources: the IANA registries of ICMP and ICMPv6 parameters.
var (
	icmpCodes = map[int]int{
		0: 0, 3: 15, 4: 0, 5: 3, 8: 0, 9: 16, 10: 0, 11: 1, 12: 2, 13: 0, 14: 0,
		15: 0, 16: 0, 17: 0, 18: 0, 30: 0, 40: 5, 42: 0, 43: 4,
	}
	icmpv6Codes = map[int]int{
		1: 8, 2: 0, 3: 1, 4: 10, 128: 0, 129: 0, 130: 0, 131: 0, 132: 0, 133: 0,
		134: 0, 135: 0, 136: 0, 137: 0, 138: 255, 139: 2, 140: 2, 141: 0, 142: 0,
		143: 0, 144: 0, 145: 0, 146: 0, 147: 0, 148: 0, 149: 0, 151: 0, 152: 0,
		153: 0, 154: 5, 155: 255, 157: 3, 158: 3, 159: 255, 160: 0, 161: 0,
	}
)

// privateICMP reports whether a type is set aside for experiments, where nobody can
// know what is real (RFC 4727, RFC 4443 §2.1).
func privateICMP(p Protocol, typ int) bool {
	if p == ICMP {
		return typ == 253 || typ == 254
	}
	return typ == 100 || typ == 101 || typ == 127 || typ == 200 || typ == 201 || typ == 255
}

// DeadICMP returns a warning, without Pos, when a rule's type and code exist in no real
// packet, nil otherwise.
func DeadICMP(r *Rule) *Problem {
	codes := icmpCodes
	if r.Protocol == ICMPv6 {
		codes = icmpv6Codes
	}
	if !r.Protocol.IsICMP() || r.From == -1 || privateICMP(r.Protocol, r.From) {
		return nil
	}
	warn := func(field, hint, format string, a ...any) *Problem {
		return &Problem{Field: field, Severity: SeverityWarning, Message: fmt.Sprintf(format, a...),
			Hint: hint}
	}
	highest, known := codes[r.From]
	switch {
	case !known && r.Protocol == ICMPv6 && r.From == 8:
		return warn("from_port", "echo request of ICMPv6 is type 128",
			"icmpv6 has no type 8: the rule matches nothing")
	case !known && r.Protocol == ICMP && r.From == 128:
		return warn("from_port", "echo request of ICMP is type 8",
			"icmp has no type 128: the rule matches nothing")
	case !known && r.From == 0 && r.To == 0:
		return warn("from_port", "everything is -1 and -1", "%s type 0 is not in use: the rule matches "+
			"nothing", r.Protocol)
	case !known:
		return warn("from_port", "", "%s type %d is not in use: the rule matches nothing", r.Protocol,
			r.From)
	case r.To > highest && highest == 0:
		return warn("to_port", "its only code is 0",
			"%s type %d has no code %d: the rule matches nothing", r.Protocol, r.From, r.To)
	case r.To > highest:
		return warn("to_port", fmt.Sprintf("its codes are 0 to %d", highest),
			"%s type %d has no code %d: the rule matches nothing", r.Protocol, r.From, r.To)
	}
	return nil
}

// zeroRange returns a notice when a rule has zeros where other tools have them for
// everything: they are port 0, or the type and code of echo replies.
func zeroRange(r *Rule) *Problem {
	switch {
	case r.From != 0 || r.To != 0:
	case r.Protocol.HasPorts():
		return &Problem{Field: "from_port", Severity: SeverityNotice,
			Message: fmt.Sprintf("%s 0 to 0 is port 0 alone", r.Protocol), Hint: "all ports are 0-65535"}
	case r.Protocol == ICMP:
		return &Problem{Field: "from_port", Severity: SeverityNotice,
			Message: "icmp 0 and 0 is echo reply alone",
			Hint:    "everything is -1 and -1, echo request is 8 and 0"}
	}
	return nil
}

// wrongFamily returns a warning when an ICMP version meets a CIDR of the other
// family: AWS takes the rule and never widens it (R12).
func wrongFamily(p Protocol, f Family) *Problem {
	switch {
	case p == ICMP && f == IPv6:
		return &Problem{Severity: SeverityWarning,
			Message: "icmp over IPv6 does not exist: the rule matches nothing",
			Hint:    "for IPv6 write protocol: icmpv6 in a rule of its own"}
	case p == ICMPv6 && f == IPv4:
		return &Problem{Severity: SeverityWarning,
			Message: "icmpv6 over IPv4 does not exist: the rule matches nothing",
			Hint:    "for IPv4 write protocol: icmp in a rule of its own"}
	}
	return nil
}
