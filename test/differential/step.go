package differential

import (
	"fmt"
	"strings"
	"time"

	"sgfw/test/naive"
)

// Step is one thing that happens in a trial: time passes, then a policy comes into
// force, then the flows of a device are revoked, then a packet crosses the machine.
// Each may be missing.
type Step struct {
	Wait   time.Duration
	Policy *naive.Policy
	Revoke string
	Packet *naive.Packet
	Way
}

// Way is how a packet crosses the machine; a hook without one of the devices has
// "" there.
type Way struct {
	Hook    naive.Hook
	In, Out string
}

// String is the step in one line; policies are too long for it.
func (s Step) String() string {
	var parts []string
	if s.Wait > 0 {
		parts = append(parts, fmt.Sprintf("after %v", s.Wait))
	}
	if s.Policy != nil {
		parts = append(parts, "another policy")
	}
	if s.Revoke != "" {
		parts = append(parts, "the flows of "+s.Revoke+" are revoked")
	}
	if s.Packet != nil {
		parts = append(parts, s.Way.String()+" "+describe(s.Packet))
	}
	return strings.Join(parts, ", ")
}

// String names the hook and the devices.
func (w Way) String() string {
	switch w.Hook {
	case naive.Input:
		return "in through " + w.In
	case naive.Output:
		return "out through " + w.Out
	}
	return "from " + w.In + " to " + w.Out
}

// describe is a packet in one line.
func describe(p *naive.Packet) string {
	text := fmt.Sprintf("%v > %v ", p.Src, p.Dst)
	switch {
	case p.Protocol == naive.TCP:
		text += fmt.Sprintf("tcp %d > %d %s seq %d ack %d len %d", p.SrcPort, p.DstPort,
			flagText(p.Flags), p.Seq, p.Ack, p.Len)
	case p.Protocol == naive.UDP:
		text += fmt.Sprintf("udp %d > %d", p.SrcPort, p.DstPort)
	case p.Protocol == naive.ICMP || p.Protocol == naive.ICMPv6:
		text += fmt.Sprintf("protocol %d type %d code %d id %d hop limit %d", p.Protocol, p.Type, p.Code,
			p.ID, p.HopLimit)
	default:
		text += fmt.Sprintf("protocol %d", p.Protocol)
	}
	switch p.Part {
	case naive.FirstPart:
		text += ", first fragment"
	case naive.LaterPart:
		text += ", later fragment"
	}
	if p.Missing > 0 {
		text += fmt.Sprintf(", %d bytes missing", p.Missing)
	}
	if p.Corrupt {
		text += ", corrupt"
	}
	if p.Quote != nil {
		text += " about " + describe(p.Quote)
	}
	return text
}

func flagText(f naive.Flags) string {
	text := ""
	for i, name := range "FSRPAU" {
		if f&(1<<i) != 0 {
			text += string(name)
		}
	}
	if text == "" {
		return "no flags"
	}
	return text
}
