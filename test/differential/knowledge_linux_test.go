package differential

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/test/naive"
)

// exchange is a conversation, or one query of it with its answers.
type exchange struct {
	conversation
	query, id int
}

// knowledge is what was seen of an exchange.
type knowledge struct {
	reset, asked, coded bool
	apart               bool
	half                bool
	places              map[string]bool     // where packets passed
	from, asking        map[netip.Addr]bool // senders of packets that passed, and of SYNs
	loads               int                 // there were when it began
}

// of is what is known of the conversation of a packet.
func (x *exportTrial) of(p *naive.Packet) *knowledge {
	c := exchange{conversation: conversationOf(p)}
	if IsQuery(p) {
		c.query, c.id = p.Type, p.ID
		switch {
		case p.Protocol == naive.ICMPv6:
			c.query = 128
		case p.Type == 0:
			c.query = 8
		case p.Type%2 == 0 && p.Type > 8:
			c.query--
		}
	}
	if x.known[c] == nil {
		x.known[c] = &knowledge{places: make(map[string]bool), from: make(map[netip.Addr]bool),
			asking: make(map[netip.Addr]bool)}
	}
	return x.known[c]
}

// place says where flows of packets that go that way are kept, in either direction.
func (x *exportTrial) place(way Way) string {
	var all []string
	for _, device := range []string{way.In, way.Out} {
		switch n := x.policy.Manages(device); {
		case device == "" || n == nil:
			all = append(all, "nowhere")
		case n.Scope != "":
			all = append(all, fmt.Sprintf("scope %s %t", n.Scope, n.Guest))
		default:
			all = append(all, fmt.Sprintf("%s %t", device, n.Guest))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
