package file

import (
	"fmt"
	"time"

	"sgfw/policy"
)

var interfaceTable = []Part{
	{"interfaces[]", "An interface attaches groups to a network device.", []Key{
		{Name: "device", Required: true,
			Text: `The device's name or an altname of it, or the beginning of several names with one
				trailing *. A name goes before an altname, that before a pattern, a longer pattern
				before a shorter one.`},
		{Name: "mode", Kind: KindWord, Default: policy.ModeHost.String(),
			Words: []string{policy.ModeHost.String(), policy.ModeGuest.String()},
			Text: `Which side is protected. host: this machine; ingress comes in through the device,
				egress leaves through it. guest: the machine behind the device, the other way
				round.`},
		{Name: "view", Kind: KindWord, Default: policy.ViewLocal.String(),
			Words: []string{policy.ViewLocal.String(), policy.ViewWire.String()},
			Text: `Which addresses and ports are judged where this machine rewrites them (NAT, port
				redirects, published container ports). local: those inside this machine, after the
				destination of what comes in was rewritten and before the source of what goes out
				is: with 8080 published as port 80 of a container, the rule says 80. wire: those
				that a client sees, as AWS does: the rule says 8080, and port 80 opens nothing.
				Without rewriting both are the same. With wire, what is forwarded between two
				managed devices is asked about twice, which costs time. It is not for a
				bridge whose frames br_netfilter sends through the firewall: frames between its
				ports cannot be told from others on the wire. It needs Linux 5.7.`},
		{Name: "security_groups", Kind: KindNames, Default: policy.DefaultName,
			Text: "The attached groups, at least one. Left out: the default group."},
		{Name: "network_acl", Default: "none",
			Text: `A network ACL, through which each packet has to pass as well: what comes in before
				the groups are asked, what goes out after them. The name default is a list that
				allows everything, unless network_acls has one of that name.`},
		{Name: "addresses", Kind: KindAddrs, Default: "followed live",
			Text: `The addresses that stand for this interface where rules refer to its groups, and
				prefixes such as 10.0.1.16/28 or an IPv6 /80, all of whose addresses do. Those of a
				host are followed live when left out. Those of a guest, the machine behind the
				device, are only known when they are listed. A guest has whatever link-local address
				of IPv6 it uses on its link; one that lists any has those.`},
		{Name: "source_dest_check", Kind: KindTruth, Default: "see text",
			Text: `For guests: drop what the guest sends from addresses that are not its own, and
				what is for other addresses than its own. Without it a guest can send in the name of
				others, and so reach what only they may. Failsafes between the guest and this machine
				(neighbour discovery, MLD, DHCP) are not checked. The default is true where addresses
				are given, else false; for hosts it is false.`},
		{Name: "scope", Default: "none",
			Text: `Interfaces with the same scope share their flows. It is for hosts where a
				connection may leave through one device and get its answers through another: several
				uplinks, policy routing, asymmetric routes. What a rule of one of them admitted goes
				on through all of them, whatever their own rules say. What opens a flow, and a packet
				that is forwarded from one to the other, is judged at each as ever. So whoever is
				behind one device can take part in flows of the others: share only between devices
				that lead to the same network. A pattern shares between all devices that it names.
				Only for hosts. Their flows are always tracked. The idle timeouts are those of the
				device that a packet crosses. An interface that joins a scope, or leaves it, begins
				without flows. It finds those of before if it goes back before their timers run
				out.`},
		{Name: "max_flows", Kind: KindNumber, Low: policy.MinGuarantee, High: policy.MaxMaxFlows,
			Default: "see text",
			Text: `How many tracked flows of each device find room whatever other devices do. They are
				set aside: no new flow of the device is refused until it has so many, and none of
				them makes room for another device's. The same part of it as of settings.max_flows,
				half, is for each kind that makes room there, such as half-open TCP. Beyond it
				devices share what is set aside for none. Interfaces without it have equal parts of
				half of settings.max_flows, less what others are given. Interfaces of one scope have
				theirs together. The sum may not exceed settings.max_flows; where a pattern names so
				many devices that it does, all parts are cut alike. A reload changes it at once, as
				far as open connections of other devices leave room, and the rest as they end.`},
		{Name: "connection_tracking", Kind: KindMapping, Default: "see below",
			Text: "How long idle flows live."},
	}},
	{
		Path: "interfaces[].connection_tracking",
		Text: `Idle timeouts in seconds, with the names, defaults and ranges of AWS. A reload changes
			those of live flows, too. A shorter one holds at once, with --confirm from the
			confirmation on; a longer one holds from a flow's next packet on.`,
		Keys: []Key{
			timeout("tcp_established_timeout", policy.DefaultTimeouts.TCPEstablished,
				"An established TCP connection. While data waits for its acknowledgement it is 300 "+
					"seconds at most."),
			timeout("tcp_half_closed_timeout", policy.DefaultTimeouts.TCPHalfClosed,
				"A TCP connection that one side has ended, while the other one may still send. "+
					"Never longer than tcp_established_timeout. AWS has no such key."),
			timeout("udp_timeout", policy.DefaultTimeouts.UDP,
				"UDP in one direction only, or one question and one answer."),
			timeout("udp_stream_timeout", policy.DefaultTimeouts.UDPStream, "UDP with more than that."),
		},
	},
	{"peers[]", "A peer is an interface on another machine. Nothing is filtered there.", []Key{
		{Name: "name", Required: true, Text: "A name that no other peer has."},
		{Name: "addresses", Kind: KindAddrs, Required: true,
			Text: "Its addresses, or prefixes such as 10.0.1.16/28, at least one."},
		{Name: "security_groups", Kind: KindNames, Required: true,
			Text: "The groups that it has there, at least one."},
	}},
}

// timeout is the key of an idle timeout.
func timeout(name string, standard time.Duration, text string) Key {
	low, high := policy.TimeoutRange(name)
	return Key{
		Name: name, Kind: KindNumber, Low: int(low / time.Second), High: int(high / time.Second),
		Default: fmt.Sprint(int(standard / time.Second)), Text: text,
	}
}
