package iptables

import (
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// icmpNames are types and codes as iptables calls them.
var icmpNames = map[string][2]int{
	"echo-reply": {0, -1}, "pong": {0, -1}, "destination-unreachable": {3, -1},
	"network-unreachable": {3, 0}, "host-unreachable": {3, 1}, "protocol-unreachable": {3, 2},
	"port-unreachable": {3, 3}, "fragmentation-needed": {3, 4}, "source-route-failed": {3, 5},
	"source-quench": {4, -1}, "redirect": {5, -1}, "echo-request": {8, -1}, "ping": {8, -1},
	"router-advertisement": {9, -1}, "router-solicitation": {10, -1}, "time-exceeded": {11, -1},
	"ttl-exceeded": {11, -1}, "ttl-zero-during-transit": {11, 0}, "parameter-problem": {12, -1},
	"timestamp-request": {13, -1}, "timestamp-reply": {14, -1}, "address-mask-request": {17, -1},
	"address-mask-reply": {18, -1},
	"network-prohibited": {3, 9}, "host-prohibited": {3, 10},
	"communication-prohibited": {3, 13}, "host-unknown": {3, 7}, "network-unknown": {3, 6},
	"network-redirect": {5, 0}, "host-redirect": {5, 1}, "ip-header-bad": {12, 0},
	"required-option-missing": {12, 1}, "ttl-zero-during-reassembly": {11, 1},
	"host-precedence-violation": {3, 14}, "precedence-cutoff": {3, 15},
	"tos-network-unreachable": {3, 11}, "tos-host-unreachable": {3, 12},
	"tos-network-redirect": {5, 2}, "tos-host-redirect": {5, 3},
}

// icmpv6Names are those of ip6tables.
var icmpv6Names = map[string][2]int{
	"destination-unreachable": {1, -1}, "no-route": {1, 0}, "address-unreachable": {1, 3},
	"port-unreachable": {1, 4}, "packet-too-big": {2, -1}, "time-exceeded": {3, -1},
	"ttl-exceeded": {3, -1}, "parameter-problem": {4, -1}, "bad-header": {4, 0},
	"unknown-header-type": {4, 1},
	"unknown-option":      {4, 2}, "communication-prohibited": {1, 1}, "beyond-scope": {1, 2},
	"failed-policy": {1, 5}, "reject-route": {1, 6}, "ttl-zero-during-transit": {3, 0},
	"ttl-zero-during-reassembly": {3, 1},
	"echo-request":               {128, -1}, "ping": {128, -1}, "echo-reply": {129, -1},
	"pong":                {129, -1},
	"router-solicitation": {133, -1}, "router-advertisement": {134, -1},
	"neighbour-solicitation": {135, -1}, "neighbor-solicitation": {135, -1},
	"neighbour-advertisement": {136, -1}, "neighbor-advertisement": {136, -1}, "redirect": {137, -1},
}

// icmpType reads a type of the rule's protocol, with or without a code.
func (x *reading) icmpType(value string) {
	if value == "any" || value == "255" && x.protocol == policy.ICMP {
		x.rule.Match.Never = x.rule.Match.Never || x.notPorts
		return
	}
	if !x.protocol.IsICMP() {
		x.errorf("", "a type of ICMP without -p icmp")
		return
	}
	names := icmpNames
	if x.protocol == policy.ICMPv6 {
		names = icmpv6Names
	}
	pair, named := names[value]
	if !named {
		kind, code, coded := strings.Cut(value, "/")
		t, err := strconv.Atoi(kind)
		c, worse := -1, error(nil)
		if coded {
			c, worse = strconv.Atoi(code)
		}
		if err != nil || worse != nil || t < 0 || coded && c < 0 {
			x.errorf("a number, such as 8", "%q is no type of %s", value, x.protocol)
			return
		}
		pair = [2]int{t, c}
	}
	if bad := policy.CheckRange(x.protocol, pair[0], pair[1]); bad != nil {
		x.errorf(bad.Hint, "%s", bad.Message)
		return
	}
	x.ports = append(x.ports, space.RuleSpan(&policy.Rule{Protocol: x.protocol, From: pair[0],
		To: pair[1]}))
}

// Type is the span of a type of ICMP by the name that iptables or firewalld has for it.
func Type(p policy.Protocol, name string) (space.Span, bool) {
	names := icmpNames
	if p == policy.ICMPv6 {
		names = icmpv6Names
	}
	pair, there := names[name]
	return space.RuleSpan(&policy.Rule{Protocol: p, From: pair[0], To: pair[1]}), there
}
