package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sgfw/conntrack"
	"sgfw/policy"
)

func (j *job) ports() error {
	if policy.Protocol(j.q.Protocol).HasPorts() {
		if !j.to.hasPort {
			return fmt.Errorf("to: %s needs a destination port, such as %s", policy.Protocol(j.q.Protocol),
				netip.AddrPortFrom(j.to.addr, 443))
		}
		if err := j.from.ofProtocol(policy.Protocol(j.q.Protocol)); err != nil {
			return fmt.Errorf("from: %w", err)
		}
		if err := j.to.ofProtocol(policy.Protocol(j.q.Protocol)); err != nil {
			return fmt.Errorf("to: %w", err)
		}
	} else if j.from.hasPort || j.to.hasPort {
		return fmt.Errorf("protocol %s has no ports", policy.Protocol(j.q.Protocol))
	}
	j.q.Src, j.q.SrcPort = j.from.addr, j.from.port
	j.q.Dst, j.q.DstPort = j.to.addr, j.to.port
	j.anyPort()
	return nil
}

// segments are the kinds of TCP segments that a question can name.
var segments = map[string]conntrack.TCPFlags{
	"syn":     conntrack.SYN,
	"syn-ack": conntrack.SYN | conntrack.ACK,
	"ack":     conntrack.ACK,
	"fin":     conntrack.FIN | conntrack.ACK,
	"rst":     conntrack.RST,
}

// segmentName is the reverse of segments.
func segmentName(f conntrack.TCPFlags) string {
	for name, flags := range segments {
		if flags == f {
			return name
		}
	}
	return ""
}

func (j *job) segment() error {
	if j.in.Segment == "" {
		return nil
	}
	if policy.Protocol(j.q.Protocol) != policy.TCP {
		return fmt.Errorf("protocol %s has no TCP segments", policy.Protocol(j.q.Protocol))
	}
	flags, ok := segments[j.in.Segment]
	if !ok {
		return fmt.Errorf("segment %q is none of %s", j.in.Segment,
			strings.Join(slices.Sorted(maps.Keys(segments)), ", "))
	}
	j.q.Flags = flags
	return nil
}

func (j *job) icmp() error {
	proto := policy.Protocol(j.q.Protocol)
	if !proto.IsICMP() {
		if j.in.ICMPType != nil || j.in.ICMPCode != nil || j.in.ICMPID != nil {
			return fmt.Errorf("protocol %s has no ICMP type, code or identifier", proto)
		}
		return nil
	}
	if (proto == policy.ICMP) != j.q.Src.Is4() {
		j.notices = append(j.notices, "icmp belongs to IPv4 and icmpv6 to IPv6: other rules than those "+
			"for all protocols cannot match")
	}
	j.q.ICMPType = echoRequest4
	if proto == policy.ICMPv6 {
		j.q.ICMPType = echoRequest6
	}
	if j.in.About != "" {
		j.q.ICMPType, j.q.ICMPCode = unreachable4, hostUnreachable4
		if proto == policy.ICMPv6 {
			j.q.ICMPType, j.q.ICMPCode = unreachable6, addressUnreachable6
		}
	}
	if j.in.ICMPType != nil {
		j.q.ICMPType, j.q.ICMPCode = *j.in.ICMPType, 0
	}
	if j.in.ICMPCode != nil {
		j.q.ICMPCode = *j.in.ICMPCode
	}
	if j.in.ICMPID != nil {
		j.q.ICMPID = *j.in.ICMPID
	}
	return nil
}
