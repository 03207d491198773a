package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// What the kernel says of a conversation (include/uapi/linux/netfilter/nf_conntrack_common.h
// and nf_conntrack_tcp.h).
const (
	statusAnswered = 1 << 1
	statusAssured  = 1 << 2
	statusDying    = 1 << 9

	trackedEstablished = 3
	trackedFinWait     = 4
	trackedCloseWait   = 5

	flagEndedFirst = 1 << 2
)

// countFile says how many conversations the kernel tracks in this network namespace. It is
// there once something has asked the kernel to.
const countFile = "/proc/sys/net/netfilter/nf_conntrack_count"

// KernelTracked lists the kernel's connection tracking of the network namespace of the calling
// thread: at most so many conversations of TCP and UDP, outside of conntrack zones. Where
// nothing has the kernel track there are none, and asking does not make it. It needs
// CAP_NET_ADMIN.
func KernelTracked(most int) ([]Tracked, error) {
	text, err := os.ReadFile(countFile)
	if err != nil || strings.TrimSpace(string(text)) == "0" {
		return nil, nil
	}
	var out []Tracked
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		req := nl.NewNetlinkRequest(int(netlink.ConntrackTable)<<8|nl.IPCTNL_MSG_CT_GET,
			unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
		err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(msg []byte) bool {
			if t, ok := trackedOf(msg); ok && len(out) < most {
				out = append(out, t)
			}
			return len(out) < most
		})
		// A dump that changed while it ran lacks at most what is new.
		if err != nil && !errors.Is(err, nl.ErrDumpInterrupted) {
			return nil, fmt.Errorf("list the kernel's connection tracking: %w", err)
		}
	}
	return out, nil
}

// attributes are those of a netlink message by type, without the flags of the type; nil where
// they cannot be read.
func attributes(b []byte) map[uint16][]byte {
	list, err := nl.ParseRouteAttr(b)
	if err != nil {
		return nil
	}
	out := make(map[uint16][]byte, len(list))
	for _, a := range list {
		out[a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER)] = a.Value
	}
	return out
}

// trackedOf reads one message of ctnetlink. It is false for what is of another protocol, in a
// zone, or about to go.
func trackedOf(msg []byte) (t Tracked, ok bool) {
	if len(msg) < nl.SizeofNfgenmsg {
		return t, false
	}
	all := attributes(msg[nl.SizeofNfgenmsg:])
	status, known := number(all[nl.CTA_STATUS])
	if _, zone := all[nl.CTA_ZONE]; zone || !known || status&statusDying != 0 {
		return t, false
	}
	protocol, from, asked, ok := trackedTuple(all[nl.CTA_TUPLE_ORIG])
	if !ok {
		return t, false
	}
	_, to, as, ok := trackedTuple(all[nl.CTA_TUPLE_REPLY])
	t = Tracked{Protocol: protocol, From: from, Asked: asked, To: to, As: as,
		Answered: status&statusAnswered != 0, Assured: status&statusAssured != 0,
		Phase: PhaseOpen}
	if protocol == unix.IPPROTO_TCP {
		t.Phase = phaseOther
		tcp := attributes(attributes(all[nl.CTA_PROTOINFO])[nl.CTA_PROTOINFO_TCP])
		state := tcp[nl.CTA_PROTOINFO_TCP_STATE]
		flags := tcp[nl.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL]
		if len(state) == 0 || len(flags) == 0 {
			return t, ok
		}
		switch t.Established = state[0] == trackedEstablished; state[0] {
		case trackedEstablished, trackedFinWait: // the FIN of the latter is still under way
			t.Phase = PhaseOpen
		case trackedCloseWait:
			t.Phase, t.OpenerEnded = PhaseHalfClosed, flags[0]&flagEndedFirst != 0
		}
	}
	return t, ok
}

// trackedTuple reads one direction of a conversation: protocol, source and destination.
func trackedTuple(b []byte) (protocol uint8, src, dst netip.AddrPort, ok bool) {
	tuple := attributes(b)
	ip, proto := attributes(tuple[nl.CTA_TUPLE_IP]), attributes(tuple[nl.CTA_TUPLE_PROTO])
	if n := proto[nl.CTA_PROTO_NUM]; len(n) > 0 {
		protocol = n[0]
	}
	if protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP {
		return protocol, src, dst, false
	}
	end := func(four, six, port uint16) netip.AddrPort {
		raw := ip[four]
		if raw == nil {
			raw = ip[six]
		}
		a, valid := netip.AddrFromSlice(raw)
		p := proto[port]
		if ok = ok && valid && len(p) == 2; !ok {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(p))
	}
	ok = true
	src = end(nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC, nl.CTA_PROTO_SRC_PORT)
	dst = end(nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST, nl.CTA_PROTO_DST_PORT)
	return protocol, src, dst, ok
}

func number(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}
