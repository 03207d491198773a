package iptables

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/space"
)

// option reads one option with its values.
func (x *reading) option(name string, values []string, not bool) {
	value := ""
	if len(values) > 0 {
		value = values[0]
	}
	m := &x.rule.Match
	switch name {
	case "-p", "--protocol":
		x.protocolOf(value, not)
	case "-s", "--source":
		x.src = x.both(x.src, x.peersOf(value, not))
	case "-d", "--destination":
		x.dst = x.both(x.dst, x.peersOf(value, not))
	case "--src-range":
		x.src = x.both(x.src, x.between(value, not))
	case "--dst-range":
		x.dst = x.both(x.dst, x.between(value, not))
	case "-i", "--in-interface", "-o", "--out-interface":
		if (name[1:] == "i" || name == "--in-interface") != (x.dir == policy.Ingress) {
			m.Never = m.Never || !not && value != "+" // there is no such device
			return
		}
		device, glob := strings.CutSuffix(value, "+")
		if glob {
			device += "*"
		}
		m.Devices = append(m.Devices, chains.Device{Name: device, Not: not})
	case "-f", "--fragment":
		m.Never = m.Never || !not // the connection table puts them together first
	case "-m", "--match":
		why, strange := modules[value]
		switch {
		case value == "limit":
			x.limits = true // also without options
		case value == "recent", plain[value]:
		case strange:
			x.unsaid("", why)
		default:
			x.unsaid("", "module "+value+" is nothing that groups have")
		}
	case "-j", "--jump":
		x.target(value)
	case "-g", "--goto":
		x.rule.Verdict, x.rule.To = chains.Goto, value
	case "--dport", "--dports", "--destination-port", "--destination-ports":
		x.notPorts = not
		for part := range strings.SplitSeq(value, ",") {
			x.port(part)
		}
	case "--sport", "--sports", "--source-port", "--source-ports":
		x.source = value
	case "--ports":
		x.unsaid("", "it asks for either port")
	case "--icmp-type", "--icmpv6-type":
		x.notPorts = not
		x.icmpType(value)
	case "--ctstate", "--state":
		if s := strings.ToUpper(value); strings.Contains(s, "NAT") {
			x.unsaid("", "it asks for a translated address") // in whatever state
			return
		}
		m.States = states(value, not)
	case "--syn":
		x.syn = &Flags{fin | syn | rst | ack, syn, not}
	case "--tcp-flags":
		x.syn = &Flags{FlagsOf(values[0]), FlagsOf(values[1]), not}
	case "--comment":
		x.rule.Text = cmp.Or(x.rule.Text, value)
	case "--match-set":
		x.matchSet(values[0], values[1], not)
	case "--dst-type":
		if value != "LOCAL" || not {
			x.unsaid("", "it asks for broadcasts")
		}
	case "--hl-eq":
		x.hop = value
	case "--rt-type":
		m.Never = true // the kernel drops what has such a header anyway
	}
}

func (x *reading) protocolOf(value string, not bool) {
	switch value {
	case "ipv6-icmp", "icmp6":
		value = "icmpv6"
	case "esp", "ipv6-crypt":
		value = "50"
	case "ah", "ipv6-auth":
		value = "51"
	case "gre":
		value = "47"
	case "sctp":
		value = "132"
	case "udplite":
		value = "136"
	case "igmp":
		value = "2"
	case "ospf":
		value = "89"
	case "vrrp":
		value = "112"
	case "pim":
		value = "103"
	case "dccp":
		value = "33"
	case "ipencap":
		value = "4"
	case "ipip": // as /etc/protocols has it, though people think of 4
		value = "94"
	case "ipv6":
		value = "41"
	}
	if value == "all" || value == "0" {
		return
	}
	p, bad := policy.ParseProtocol(value)
	if bad != nil {
		x.errorf("its number is known", "%q is no protocol that is known here", value)
		return
	}
	x.protocol = p
	if p == policy.ICMPv6 {
		x.family = policy.IPv6
	}
	x.butIt = not
}

// port reads a port or a range of them.
func (x *reading) port(text string) {
	lo, hi, ranged := strings.Cut(text, ":")
	if !ranged {
		hi = lo
	}
	if lo == "" {
		lo = "0"
	}
	if hi == "" {
		hi = strconv.Itoa(policy.MaxPort)
	}
	from, err := strconv.Atoi(lo)
	to, worse := strconv.Atoi(hi)
	switch {
	case !x.protocol.HasPorts():
		x.unsaid("", "its protocol has no ports here")
	case err != nil || worse != nil:
		if p, there := services[text]; there {
			x.ports = append(x.ports, space.Ports(x.protocol, p, p))
			return
		}
		x.errorf("iptables-save prints numbers", "%q is no port that is known here", text)
	default:
		if bad := policy.CheckRange(x.protocol, from, to); bad != nil {
			x.errorf(bad.Hint, "%s", bad.Message)
			return
		}
		x.ports = append(x.ports, space.Ports(x.protocol, from, to))
	}
}

// services are names of ports that people write.
var services = map[string]int{"ssh": 22, "http": 80, "https": 443, "domain": 53, "smtp": 25,
	"ftp": 21, "telnet": 23, "ntp": 123, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995,
	"mysql": 3306, "postgresql": 5432, "bootps": 67, "bootpc": 68, "snmp": 161, "ldap": 389,
	"ldaps": 636, "submission": 587, "nfs": 2049, "sunrpc": 111, "rsync": 873, "mdns": 5353}

func states(value string, not bool) (s chains.State) {
	for part := range strings.SplitSeq(strings.ToUpper(value), ",") {
		switch part {
		case "NEW":
			s |= chains.New
		case "ESTABLISHED":
			s |= chains.Established
		case "RELATED":
			s |= chains.Related
		default:
			s |= chains.Other
		}
	}
	if not {
		s = chains.AnyState &^ s
	}
	return s
}

// between reads a range of addresses.
func (x *reading) between(text string, not bool) *addresses {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		to = from
	}
	cidrs, ok := Range(from, to)
	if !ok {
		x.errorf("such as 192.0.2.1-192.0.2.9", "%q is no range of addresses", text)
		return nil
	}
	x.family = policy.FamilyOf(cidrs[0])
	return &addresses{peers: x.but(space.PeersOf(cidrs...), not), text: text}
}

// span are the CIDRs of all addresses from a to b.
func span(a, b netip.Addr) (out []netip.Prefix) {
	for {
		n := a.BitLen()
		for n > 0 {
			wider := netip.PrefixFrom(a, n-1)
			if wider.Masked().Addr() != a || last(wider).Compare(b) > 0 {
				break
			}
			n--
		}
		p := netip.PrefixFrom(a, n)
		out = append(out, p)
		end := last(p)
		if end.Compare(b) >= 0 {
			return out
		}
		a = end.Next()
	}
}

// last is the last address of a CIDR.
func last(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// Prefix reads an address with a mask in either form; without one it is a single address.
func Prefix(s string) (netip.Prefix, bool) {
	address, mask, masked := strings.Cut(s, "/")
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	n := a.BitLen()
	if m, err := netip.ParseAddr(mask); masked && err == nil {
		if n = leading(m); n < 0 || m.Is4() != a.Is4() {
			return netip.Prefix{}, false
		}
	} else if masked {
		if n, err = strconv.Atoi(mask); err != nil {
			return netip.Prefix{}, false
		}
	}
	p, err := a.Prefix(n)
	return p, err == nil && (!a.Is4In6() || n > 96)
}

// leading is how many bits of a mask are set, -1 if others than the first are.
func leading(mask netip.Addr) (n int) {
	zero := false
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && zero {
				return -1
			}
			if one {
				n++
			}
			zero = zero || !one
		}
	}
	return n
}

// Range are the CIDRs of all addresses from one to another.
func Range(from, to string) ([]netip.Prefix, bool) {
	a, err := netip.ParseAddr(from)
	b, worse := netip.ParseAddr(to)
	if err != nil || worse != nil || a.Is4() != b.Is4() || b.Less(a) || a.Zone()+b.Zone() != "" ||
		a.Is4In6() || b.Is4In6() {
		return nil, false
	}
	return span(a, b), true
}
