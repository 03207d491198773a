package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

// ErrQuestion is matched by the errors of [Parse]: the question makes no sense.
var ErrQuestion = errors.New("not understood")

// Types of an echo request, the default of ICMP questions, and type and code of an error
// about a host that cannot be reached (RFC 792, RFC 4443).
const (
	echoRequest4        = 8
	echoRequest6        = 128
	unreachable4        = 3
	hostUnreachable4    = 1
	unreachable6        = 1
	addressUnreachable6 = 3
)

// Parse completes a question and turns it into a filter query. What is left out:
//
//   - the interface: the policy's only one;
//   - the direction: egress if From is an address of the interface or has none,
//     ingress if that holds for To. The addresses of a guest are those that the
//     policy lists;
//   - the machine's own side (To of ingress, From of egress): an address of the
//     interface, or the unspecified address when none is known. Rules never
//     look at it, the source/destination check of a guest does;
//   - the source port: 0, which is no flow's; at an interface with a network ACL, which
//     looks at the port that the answer goes to, one that clients choose from;
//   - the TCP segment: one of the live flow with these addresses and ports, or
//     else the SYN of a new connection ([Run] knows the flows);
//   - ICMP type and code: an echo request, or of an error that no host can be reached;
//   - what an error is about: nothing that is known. The source of that is the error's
//     destination, without which it relates to nothing.
//
// It returns the question with these filled in, and notices about them.
func Parse(in api.Query, p *policy.Policy, facts member.Facts) (filter.Query, api.Query, []string,
	error) {
	j := job{in: in, policy: p, facts: facts}
	for _, step := range []func() error{
		j.device, j.endpoints, j.protocol, j.direction, j.ownSide, j.ports, j.segment, j.icmp,
		j.about} {
		if err := step(); err != nil {
			return filter.Query{}, in, nil, fmt.Errorf("%w: %w", ErrQuestion, err)
		}
	}
	return j.q, j.complete(), j.notices, nil
}

type job struct {
	in       api.Query
	policy   *policy.Policy
	facts    member.Facts
	mode     policy.Mode
	own      []netip.Prefix // of the interface
	checked  bool           // no other addresses pass (source_dest_check)
	acl      bool           // it has a network ACL
	from, to endpoint
	q        filter.Query
	notices  []string
}

func (j *job) device() error {
	name := j.in.Interface
	if name == "" {
		if len(j.policy.Interfaces) != 1 || j.policy.Interfaces[0].Pattern() {
			var names []string
			for i := range j.policy.Interfaces {
				names = append(names, j.policy.Interfaces[i].Device)
			}
			return fmt.Errorf("which interface? the policy has %s", strings.Join(names, ", "))
		}
		name = j.policy.Interfaces[0].Device
	}
	var devices []string
	for _, l := range j.facts.Links {
		devices = append(append(devices, l.Name), l.Altnames...)
	}
	name, err := DeviceNamed(j.policy, devices, name)
	if err != nil {
		return err
	}
	link, there := j.facts.Named(name)
	if !there {
		link.Name = name
	}
	i, managed := j.policy.Match(link.Name, link.Altnames...)
	if !managed && !there && len(devices) > 0 && name != policy.Loopback {
		return j.noDevice(name, devices)
	}
	j.q.Device = link.Name
	if managed {
		n := &j.policy.Interfaces[i]
		j.q.Device = n.Calls(link.Name)
		j.own, j.checked, j.mode = n.Own(), n.SourceDestCheck, n.Mode
		j.acl = n.NetworkACL != ""
		if n.Mode == policy.ModeGuest {
			return nil // the device's own addresses are this machine's
		}
	}
	if len(j.own) == 0 {
		for _, a := range link.Addresses {
			j.own = append(j.own, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return nil
}

// noDevice says that neither the policy nor the machine has a device.
func (j *job) noDevice(name string, devices []string) error {
	problem := policy.Problem{
		Message: fmt.Sprintf("no interface %s, neither in the policy nor on this machine", name)}
	for i := range j.policy.Interfaces {
		devices = append(devices, j.policy.Interfaces[i].Device)
	}
	if near := policy.Suggest(name, devices); near != "" {
		problem.Hint = "did you mean " + near + "?"
	}
	return problem
}

func (j *job) protocol() error {
	if j.in.Protocol == "" && j.in.About != "" {
		j.q.Protocol = uint8(policy.ICMPv6)
		if j.from.addr.Is4() || j.to.addr.Is4() {
			j.q.Protocol = uint8(policy.ICMP)
		}
		return nil
	}
	if j.in.Protocol == "" {
		return errors.New("which protocol? tcp, udp, icmp, icmpv6 or a number")
	}
	var err error
	j.q.Protocol, err = parseProtocol(j.in.Protocol)
	if proto := policy.Protocol(j.q.Protocol); err == nil && j.in.About != "" && !proto.IsICMP() {
		err = fmt.Errorf("protocol %s has no errors about other packets: icmp and icmpv6 have", proto)
	}
	return err
}

// parseProtocol reads the protocol of a packet.
func parseProtocol(s string) (uint8, error) {
	proto, problem := policy.ParseProtocol(s)
	if problem != nil {
		return 0, *problem
	}
	if proto == policy.AllProtocols {
		return 0, errors.New("a packet has one protocol: tcp, udp, icmp, icmpv6 or a number")
	}
	return uint8(proto), nil
}

func (j *job) endpoints() error {
	var err error
	if j.from, err = parseEndpoint(j.in.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if j.to, err = parseEndpoint(j.in.To); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	if j.from.addr.IsValid() && j.to.addr.IsValid() && j.from.addr.Is4() != j.to.addr.Is4() {
		return fmt.Errorf("from %s to %s: one is IPv4 and the other IPv6", j.from.addr, j.to.addr)
	}
	return nil
}

func (j *job) direction() error {
	switch j.in.Direction {
	case conntrack.Ingress.String():
		j.q.Direction = conntrack.Ingress
	case conntrack.Egress.String():
		j.q.Direction = conntrack.Egress
	case "":
		// The side without an address is the machine's own, too.
		out := j.owns(j.from.addr) || !j.from.addr.IsValid()
		in := j.owns(j.to.addr) || !j.to.addr.IsValid()
		if out == in {
			return errors.New("which direction? ingress or egress")
		}
		if out {
			j.q.Direction = conntrack.Egress
		}
	default:
		return fmt.Errorf("direction %q is neither ingress nor egress", j.in.Direction)
	}
	return nil
}

// owns reports whether the address is one of the interface's.
func (j *job) owns(a netip.Addr) bool {
	return slices.ContainsFunc(j.own, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ownSide fills in the address of the interface where the question has none.
func (j *job) ownSide() error {
	own, peer, word := &j.to.addr, j.from.addr, "from"
	if j.q.Direction == conntrack.Egress {
		own, peer, word = &j.from.addr, j.to.addr, "to"
	}
	if !peer.IsValid() {
		return fmt.Errorf("%s: an address is needed, %s rules look at it", word, j.q.Direction)
	}
	if own.IsValid() {
		if len(j.own) > 0 && !j.owns(*own) && !j.checked && routable(*own) {
			j.q.Hook = filter.HookForward
			j.notices = append(j.notices, fmt.Sprintf(
				"%s is not an address of %s: explained as a forwarded packet would be", *own, j.q.Device))
		}
		return nil
	}
	if i := slices.IndexFunc(j.own, func(p netip.Prefix) bool {
		return p.Addr().Is4() == peer.Is4()
	}); i >= 0 {
		*own = j.own[i].Addr()
		return nil
	}
	*own = netip.IPv6Unspecified()
	if peer.Is4() {
		*own = netip.IPv4Unspecified()
	}
	notice := fmt.Sprintf("no address of %s is known: %s stands for it, rules do not look at it",
		j.q.Device, *own)
	if j.checked {
		notice = fmt.Sprintf("%s has no address of this family: %s stands for it", j.q.Device, *own)
	}
	j.notices = append(j.notices, notice)
	return nil
}

// routable reports whether a machine forwards packets from or to the address.
func routable(a netip.Addr) bool {
	return a.IsGlobalUnicast() // neither multicast nor broadcast, link-local or unspecified
}

// complete is the question with nothing left to guess.
func (j *job) complete() api.Query {
	q := api.Query{
		Interface: j.q.Device,
		Direction: j.q.Direction.String(),
		Protocol:  policy.Protocol(j.q.Protocol).String(),
		From:      j.q.Src.String(),
		To:        j.q.Dst.String(),
		Segment:   segmentName(j.q.Flags),
		About:     aboutText(j.q.About),
	}
	switch proto := policy.Protocol(j.q.Protocol); {
	case proto.HasPorts():
		q.From = netip.AddrPortFrom(j.q.Src, j.q.SrcPort).String()
		q.To = netip.AddrPortFrom(j.q.Dst, j.q.DstPort).String()
	case proto.IsICMP():
		q.ICMPType, q.ICMPCode, q.ICMPID = &j.q.ICMPType, &j.q.ICMPCode, &j.q.ICMPID
	}
	return q
}
