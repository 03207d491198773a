package explain

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// about reads the packet that an ICMP error is about. Of an error without one it says that
// rules alone cannot tell.
func (j *job) about() error {
	kind, proto := packet.KindICMPv6, policy.ICMPv6
	if j.q.Src.Is4() {
		kind, proto = packet.KindICMP, policy.ICMP
	}
	isError := policy.Protocol(j.q.Protocol) == proto && packet.IsError(kind, j.q.ICMPType)
	switch {
	case j.in.About == "" && isError && j.policy.Settings.ICMPErrors == policy.ICMPErrorsRelated:
		j.notices = append(j.notices, "an ICMP error passes by what it is about, too: a live flow, or a "+
			"packet that this machine could not deliver. Ask with --about PROTO,FROM,TO")
		return nil
	case j.in.About == "":
		return nil
	case !isError:
		return fmt.Errorf("about: %s type %d of %s is no error about another packet",
			policy.Protocol(j.q.Protocol), j.q.ICMPType, j.q.Src)
	}
	o, err := parseAbout(j.in.About, j.q.Dst)
	if err != nil {
		return fmt.Errorf("about: %w", err)
	}
	o.ICMPID = j.q.ICMPID
	j.q.About = &o
	if o.Src != j.q.Dst {
		j.notices = append(j.notices, fmt.Sprintf("the error goes to %s and is about a packet from %s: "+
			"it relates to nothing, and rules decide", j.q.Dst, o.Src))
	}
	if j.goesOut() && j.ofThisMachine(j.q.Src) {
		j.q.Hook = filter.HookOutput
	}
	return nil
}

// parseAbout reads PROTO,FROM,TO, or what aboutText says. FROM may be :PORT or missing: its
// address is that of whoever gets the error.
func parseAbout(s string, sender netip.Addr) (q filter.Query, err error) {
	words := strings.Fields(strings.NewReplacer(",", " ", "->", " ").Replace(s))
	if len(words) < 2 || len(words) > 3 {
		return q, fmt.Errorf("%q is not PROTO,FROM,TO, such as tcp,:50000,192.0.2.5:443", s)
	}
	if q.Protocol, err = parseProtocol(words[0]); err != nil {
		return q, err
	}
	var from endpoint
	if len(words) == 3 {
		if from, err = parseEndpoint(words[1]); err != nil {
			return q, err
		}
	}
	to, err := parseEndpoint(words[len(words)-1])
	switch {
	case err != nil:
		return q, err
	case !to.addr.IsValid():
		return q, errors.New("the destination needs an address")
	}
	if !from.addr.IsValid() {
		from.addr = sender
	}
	proto := policy.Protocol(q.Protocol)
	switch {
	case from.addr.Is4() != to.addr.Is4() || to.addr.Is4() != sender.Is4():
		return q, fmt.Errorf("from %s to %s, and the error to %s: they are of two families", from.addr,
			to.addr, sender)
	case proto.HasPorts() && !to.hasPort:
		return q, fmt.Errorf("%s needs a destination port", proto)
	case !proto.HasPorts() && (from.hasPort || to.hasPort):
		return q, fmt.Errorf("protocol %s has no ports", proto)
	}
	if err := cmp.Or(from.ofProtocol(proto), to.ofProtocol(proto)); err != nil {
		return q, err
	}
	q.Src, q.SrcPort, q.Dst, q.DstPort = from.addr, from.port, to.addr, to.port
	q.ICMPType = echoRequest4
	if proto == policy.ICMPv6 {
		q.ICMPType = echoRequest6
	}
	return q, nil
}

// aboutText is what parseAbout reads, "" for nil.
func aboutText(q *filter.Query) string {
	if q == nil {
		return ""
	}
	proto := policy.Protocol(q.Protocol)
	if !proto.HasPorts() {
		return fmt.Sprintf("%s %s -> %s", proto, q.Src, q.Dst)
	}
	return fmt.Sprintf("%s %s -> %s", proto, netip.AddrPortFrom(q.Src, q.SrcPort),
		netip.AddrPortFrom(q.Dst, q.DstPort))
}

// goesOut reports whether the packet goes out through the device.
func (j *job) goesOut() bool {
	return (j.q.Direction == conntrack.Ingress) == (j.mode == policy.ModeGuest)
}

// ofThisMachine reports whether the source of a packet that goes out is this machine, of
// which no address may be known. From link-local addresses nothing is routed.
func (j *job) ofThisMachine(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLinkLocalUnicast() || deviceOf(j.facts, a) != ""
}
