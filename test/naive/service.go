package naive

import (
	"net/netip"
	"time"
)

// How long answers of an exempt service pass after what was asked: for UDP what
// AWS gives a question (§3.3), for TCP the project's decision.
const (
	answerTime     = 30
	connectionTime = 3600
)

// question is what the machine asked an exempt service.
type question struct {
	place    place
	protocol int
	src, dst end
	second   int // when it asked last
}

// service says which exempt service has the address and port, "" for none (§4).
func (m *Machine) service(p *Packet, a netip.Addr, port int) Reason {
	is := func(list ...string) bool { return has(list, a.String()) }
	var r Reason
	switch {
	case port == 53 && (p.isUDP() || p.isTCP()) && has(m.resolvers, a):
		r = Resolvers
	case port == 80 && p.isTCP() && is("169.254.169.254", "169.254.170.2", "fd00:ec2::254"):
		r = Metadata
	case port == 123 && p.isUDP() && is("169.254.169.123", "fd00:ec2::123"):
		r = Time
	}
	if !has(m.policy.Exempt, r) {
		return ""
	}
	return r
}

// exempt says by which exemption a packet passes, "" for none: what the machine asks
// a service, what comes back, and errors about it. Nobody else's packets do: of what
// a host routes none, of a guest's all but those to metadata, which are credentials
// of the host.
func (m *Machine) exempt(n *Interface, device string, h Hook, d Direction, p *Packet) Reason {
	if h == Forward && !n.Guest {
		return ""
	}
	asked := question{place: n.place(device), protocol: p.Protocol}
	asked.src, asked.dst = ends(p)
	var r Reason
	switch {
	case p.isError() && p.Part == Whole && p.Quote != nil:
		q := p.Quote
		if m.policy.RulesForErrors || q.Src != p.Dst || d != In {
			return ""
		}
		r = m.service(q, q.Dst, q.DstPort)
		asked.protocol = q.Protocol
		asked.src, asked.dst = ends(q)
	case d == Out:
		r = m.service(p, p.Dst, p.DstPort)
	case p.isTCP() && p.Flags.has(SYN) && !p.Flags.has(ACK): // services do not call
	default:
		r = m.service(p, p.Src, p.SrcPort)
		asked.src, asked.dst = asked.dst, asked.src
	}
	if r == "" || r == Metadata && h == Forward {
		return ""
	}
	// A part of a question asks nothing (T25), nor does one that nobody accepts (T27).
	if d == Out && (p.Part != Whole || p.Corrupt) {
		return r
	}
	now := int(m.Now / time.Second) // whole seconds are enough for this
	for i := range m.questions {
		q := &m.questions[i]
		asked.second = q.second
		if *q != asked {
			continue
		}
		limit := answerTime
		if q.protocol == TCP {
			limit = connectionTime
		}
		if d == Out {
			q.second = now
		} else if now-q.second > limit && (h != Output || !p.isError()) {
			return ""
		}
		return r
	}
	if d == In && h == Output && p.isError() { // a question that this machine could not route
		return r
	}
	if d == In {
		return ""
	}
	asked.second = now
	m.questions = append(m.questions, asked)
	return r
}
