package iptables

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/space"
)

// reading is one rule while it is read.
type reading struct {
	*Reader
	pos      policy.Pos
	rule     chains.Rule
	dir      policy.Direction // of the packets, whose peer is the destination if they leave
	protocol policy.Protocol
	ports    []space.Span // of the destination, or types
	notPorts bool
	butIt    bool // all protocols but this one
	family   policy.Family
	src, dst *addresses
	syn      *Flags
	source   string // ports of the source as they are written
	hop      string
	limits   bool
	hitcount bool
}

// addresses are those of one side.
type addresses struct {
	peers space.Peers
	text  string
	key   string // of a list
	fresh bool   // the list is not here
}

// known are the options that are read, with the number of their arguments.
var known = map[string]int{
	"-p": 1, "--protocol": 1, "-s": 1, "--source": 1, "-d": 1, "--destination": 1,
	"-i": 1, "--in-interface": 1, "-o": 1, "--out-interface": 1, "-f": 0, "--fragment": 0,
	"-m": 1, "--match": 1, "-j": 1, "--jump": 1, "-g": 1, "--goto": 1, "-c": 2,
	"--dport": 1, "--dports": 1, "--destination-port": 1, "--destination-ports": 1,
	"--sport": 1, "--sports": 1, "--source-port": 1, "--source-ports": 1, "--ports": 1,
	"--icmp-type": 1, "--icmpv6-type": 1, "--ctstate": 1, "--state": 1, "--syn": 0,
	"--tcp-flags": 2, "--comment": 1, "--match-set": 2, "--src-range": 1, "--dst-range": 1,
	"--dst-type": 1, "--hl-eq": 1, "--rt-type": 1,
}

// rule reads the words after the name of the chain for packets of a direction, and what family
// they are of.
func (r *Reader) rule(pos policy.Pos, words []string, dir policy.Direction) (
	chains.Rule, policy.Family) {
	x := &reading{Reader: r, pos: pos, dir: dir, protocol: policy.AllProtocols,
		rule: chains.Rule{Pos: pos, Text: r.texts[pos]}}
	for i := 0; i < len(words); i++ {
		not := words[i] == "!"
		if not {
			i++
		}
		if i >= len(words) {
			x.errorf("", "the rule ends with %q", "!")
			break
		}
		option := words[i]
		n, there := known[option]
		if !there {
			i += x.unknown(option, words[i+1:])
			continue
		}
		if i+1 < len(words) && words[i+1] == "!" && n > 0 { // as old versions wrote it
			not = true
			words = slices.Delete(slices.Clone(words), i+1, i+2)
		}
		if i+n >= len(words) {
			x.errorf("", "%s needs a value", option)
			break
		}
		x.option(option, words[i+1:i+1+n], not)
		i += n
	}
	x.finish()
	return x.rule, x.family
}

// errorf reports what is wrong with the rule, which is read for either direction.
func (x *reading) errorf(hint, format string, a ...any) {
	if x.dir == policy.Ingress {
		x.d.Errorf(x.pos, hint, format, a...)
	}
}

// unsaid says what of the rule groups cannot say.
func (x *reading) unsaid(hint, why string) {
	if x.rule.Match.Unsaid == nil {
		x.rule.Match.Unsaid = &chains.Unsaid{Why: why, Hint: hint}
	}
}

// modules are what options belong to that only ask what groups cannot say.
var modules = map[string]string{
	"owner": "it asks for the user of the program", "mac": "it asks for a hardware address",
	"string": "it searches in packets", "mark": "it asks for a mark",
	"connmark": "it asks for the mark of a connection", "time": "it asks for the time of day",
	"u32": "it looks into packets", "bpf": "it looks into packets", "length": "it asks for a length",
	"ttl": "it asks for the TTL", "dscp": "it asks for the DSCP", "tos": "it asks for the TOS",
	"geoip": "it asks for a country", "policy": "it asks for IPsec",
	"physdev": "it asks for the port of a bridge", "pkttype": "it asks for broadcasts",
	"statistic": "it takes packets by chance", "helper": "it asks for a helper of connections",
	"cgroup": "it asks for a control group", "quota": "it counts bytes",
	"connbytes": "it counts bytes", "psd": "it looks for scans", "ipv6header": "it asks for headers",
	"recent": "it remembers addresses", "socket": "it asks for a socket",
	"rpfilter": "it asks for the way back", "sctp": "it asks for ports of SCTP",
	"dccp": "it asks for ports of DCCP", "esp": "it asks for an SPI", "ah": "it asks for an SPI",
}

// plain are modules that ask nothing but what their options say.
var plain = map[string]bool{"tcp": true, "udp": true, "icmp": true, "icmp6": true,
	"icmpv6": true, "multiport": true, "conntrack": true, "state": true, "comment": true, "set": true,
	"iprange": true, "hashlimit": true, "connlimit": true, "addrtype": true, "hl": true, "rt": true,
	"udplite": true}

// unknown reads an option that groups cannot say, and returns how many words belong to it.
func (x *reading) unknown(option string, words []string) int {
	n := 0
	for n < len(words) && !strings.HasPrefix(words[n], "-") && words[n] != "!" {
		n++
	}
	switch {
	case targetOption(option):
	case strings.HasPrefix(option, "--limit"), strings.HasPrefix(option, "--hashlimit"),
		strings.HasPrefix(option, "--connlimit"):
		x.limits = true
		if strings.HasSuffix(option, "-above") {
			x.hitcount = true
		}
	case option == "--hitcount":
		x.limits, x.hitcount = true, true
	case option == "--set", option == "--rsource", option == "--name", option == "--mask",
		option == "--rttl", option == "--rdest":
	case option == "--seconds", option == "--update", option == "--rcheck", option == "--remove",
		option == "--reap":
		x.unsaid("", modules["recent"])
	case !strings.HasPrefix(option, "-"):
		x.errorf("this is for what iptables-save prints", "%.40q is unknown", option)
	default:
		x.unsaid("", "option "+option+" is nothing that groups have")
	}
	return n
}

// targetOption reports whether an option is one of a target that decides nothing more.
func targetOption(option string) bool {
	for _, p := range []string{"--reject-with", "--log-", "--nflog-", "--ulog-", "--set-", "--save-",
		"--restore-", "--add-set", "--del-set", "--exist", "--timeout", "--clamp-mss", "--nfmask",
		"--ctmask", "--checksum-"} {
		if strings.HasPrefix(option, p) {
			return true
		}
	}
	return false
}

// target reads what a rule does.
func (x *reading) target(name string) {
	switch name {
	case "ACCEPT":
		x.rule.Verdict = chains.Accept
	case "DROP", "REJECT", "TARPIT", "STEAL":
		x.rule.Verdict = chains.Drop
	case "RETURN":
		x.rule.Verdict = chains.Return
	case "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "SET", "TCPMSS", "TRACE", "AUDIT", "SECMARK",
		"CONNSECMARK", "CLASSIFY", "LED", "CHECKSUM", "DSCP", "TOS":
	case "QUEUE", "NFQUEUE":
		x.rule.Verdict = chains.Drop
		x.unsaid("", "a program decides")
	default:
		x.rule.Verdict, x.rule.To = chains.Jump, name
	}
}

// peersOf reads a list of addresses with masks.
func (x *reading) peersOf(text string, not bool) *addresses {
	var cidrs []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		p, ok := Prefix(part)
		if !ok {
			x.errorf("such as 192.0.2.0/24", "%q is no address", part)
			return nil
		}
		cidrs = append(cidrs, p)
		x.family = policy.FamilyOf(p)
	}
	return &addresses{peers: x.but(space.PeersOf(cidrs...), not), text: text}
}

// but are the addresses of the family that are not there, if not is set.
func (x *reading) but(p space.Peers, not bool) space.Peers {
	if !not {
		return p
	}
	all := policy.AnyIPv4
	if x.family == policy.IPv6 {
		all = policy.AnyIPv6
	}
	return space.PeersOf(all).Minus(p)
}
