package learn

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// Options is what the user says, and what is to be told beside the rules.
type Options struct {
	// Devices are those that were watched; each has a group of its own.
	Devices []Device
	// Everyone is from how many public addresses on a service is everybody's, 0 for never.
	Everyone int
	// WidenIPv4 and WidenIPv6 are the length of prefix to which peers are widened; 0 leaves
	// them as they are.
	WidenIPv4, WidenIPv6 int
	// Unused are listeners that nobody came to. They are closed, and named in a comment.
	Unused []Unused
	// OpenUnused are the networks from which those are open all the same.
	OpenUnused []netip.Prefix
	// Clock is how times are written in comments, as package time has it; "" is time.TimeOnly.
	Clock string
	// Preface stands at the top of the file, a text for each paragraph.
	Preface []string
}

// Device is a device that was watched, and the group that it gets.
type Device struct{ Name, Group string }

// Unused is a listener of this machine, reachable through a device.
type Unused struct {
	Device   string
	Protocol policy.Protocol
	Port     int
	Process  string
}

// source is the name of the positions that comments hang on. No file has them.
const source = "observed"

// Policy makes the policy of a record: what was seen is permitted, and nothing else but what
// the options widen. No rule can be taken away without losing something that was seen or
// asked for. The same record gives the same policy.
func (r *Record) Policy(o Options) convert.Result {
	d := convert.NewDraft(convert.Options{})
	line := 0
	at := func() policy.Pos { line++; return policy.Pos{File: source, Line: line} }
	var attach []convert.Attachment
	for _, device := range o.Devices {
		pos := at()
		d.Group(device.Group, "", policy.Group{Name: device.Group, Pos: pos,
			Description: "What was seen on " + device.Name})
		unused := o.unused(device.Name)
		blocks := bound(joined(append(r.blocks(device.Name, &o), o.asked(unused)...)))
		if len(o.OpenUnused) == 0 && len(unused) > 0 {
			d.Comment(pos, "%s", suggestion(unused))
		}
		for _, b := range blocks {
			pos := at()
			d.Comment(pos, "%s", b.comment(cmp.Or(o.Clock, time.TimeOnly)))
			d.Rules(device.Group, b.direction, b.rules(pos)...)
		}
		attach = append(attach, convert.Attachment{Device: device.Name,
			Groups: []string{device.Group}})
	}
	for i, text := range o.Preface {
		if i > 0 {
			text = "\n" + text
		}
		d.Comment(policy.Pos{}, "%s", text)
	}
	result := d.Finish()
	result.Attach(attach...)
	return result
}

// widened is the CIDR that stands for a peer.
func (o *Options) widened(peer netip.Addr) netip.Prefix {
	bits := o.WidenIPv6
	if peer.Is4() {
		bits = o.WidenIPv4
	}
	// Multicast addresses are neighbours of nothing, and link-local ones have one network.
	if bits == 0 || peer.IsMulticast() || peer.IsLinkLocalUnicast() || peer.IsUnspecified() {
		bits = peer.BitLen()
	}
	return netip.PrefixFrom(peer, bits).Masked()
}

// unused are the listeners of a device that nobody came to, each port once.
func (o *Options) unused(device string) (out []Unused) {
	for _, u := range o.Unused {
		if u.Device == device && !slices.ContainsFunc(out, func(v Unused) bool {
			return v.Protocol == u.Protocol && v.Port == u.Port
		}) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b Unused) int {
		return compareServices(Service{Protocol: a.Protocol, From: a.Port},
			Service{Protocol: b.Protocol, From: b.Port})
	})
	return out
}

// asked are the blocks of listeners that nobody came to and that are open all the same.
func (o *Options) asked(unused []Unused) (out []*block) {
	for _, u := range unused {
		if len(o.OpenUnused) == 0 {
			break
		}
		b := &block{protocol: u.Protocol, from: u.Port, to: u.Port,
			cidrs: slices.Clone(o.OpenUnused)}
		if u.Process != "" {
			b.processes = []string{u.Process}
		}
		b.fold()
		out = append(out, b)
	}
	return out
}

// suggestion says which listeners are closed, and how to open one.
func suggestion(unused []Unused) string {
	var b strings.Builder
	b.WriteString("Nobody came to these ports, so they are closed. To open one, put its line under\n" +
		"ingress, with the networks that may come:")
	for _, u := range unused {
		fmt.Fprintf(&b, "\n  - { protocol: %s, ports: %d, cidr_blocks: [192.0.2.0/24] }",
			u.Protocol, u.Port)
		if u.Process != "" {
			b.WriteString("  # " + u.Process)
		}
	}
	return b.String()
}

// rules are those of a block, one for each CIDR.
func (b *block) rules(pos policy.Pos) (out []policy.Rule) {
	title := b.title()
	for _, c := range b.cidrs {
		out = append(out, policy.Rule{Pos: pos, Description: title, Protocol: b.protocol,
			From: b.from, To: b.to, Peer: policy.Peer{Kind: policy.PeerCIDR, CIDR: c, Pos: pos}})
	}
	return out
}

// comment says what the rules were seen for.
func (b *block) comment(clock string) string {
	if b.first.use == nil {
		return "Nobody came while sgfw learn watched: open because --listeners says so."
	}
	way, peers := "from", "1 address"
	if b.direction == policy.Egress {
		way = "to"
	}
	if b.peers != 1 {
		peers = number(b.peers) + " addresses"
	}
	text := fmt.Sprintf("%s %s %s", b.counted(), way, peers)
	first := b.first.text(b.first.use.first, clock)
	if last := b.last.text(b.last.use.last, clock); last != first {
		text += ": first " + first + ", last " + last
	} else {
		text += ": " + first
	}
	if b.live {
		text += "; live when it began"
	}
	return strings.Join(append([]string{text + "."}, b.why...), " ")
}

// counted is how many there were of what.
func (b *block) counted() string {
	noun := "conversation"
	switch {
	case b.protocol == policy.TCP:
		noun = "connection"
	case b.service() == "ping":
		noun = "ping"
	}
	if b.conversations != 1 {
		noun += "s"
	}
	return number(int(b.conversations)) + " " + noun
}

// text is a time, and who was seen then unless that is not remembered.
func (m moment) text(t time.Time, clock string) string {
	if !m.peer.IsValid() {
		return t.Format(clock)
	}
	return t.Format(clock) + " " + m.peer.String()
}

// number is a count with separators.
func number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
