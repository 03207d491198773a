package explain

import (
	"net/netip"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/policy"
)

// Flow turns a flow into its document. device is the name of the flow's scope.
func Flow(device string, f conntrack.FlowInfo, now conntrack.Time) api.Flow {
	proto := policy.Protocol(f.Tuple.Proto())
	doc := api.Flow{
		Interface: device,
		Direction: f.Opener.String(),
		Protocol:  proto.String(),
		Local:     f.Tuple.Local.String(),
		Remote:    f.Tuple.Remote.String(),
		State:     f.State.String(),
		Tracked:   !f.Untracked,
		Adopted:   f.Adopted,
		Age:       seconds(now.Sub(f.Created)),
		Expires:   seconds(f.Expires.Sub(now)),
		Packets: api.Traffic{Ingress: uint64(f.Packets[conntrack.Ingress]),
			Egress: uint64(f.Packets[conntrack.Egress])},
		Bytes: api.Traffic{Ingress: f.Bytes[conntrack.Ingress], Egress: f.Bytes[conntrack.Egress]},
	}
	switch {
	case proto.HasPorts():
		doc.Local = netip.AddrPortFrom(f.Tuple.Local.Netip(), f.Tuple.LocalPort).String()
		doc.Remote = netip.AddrPortFrom(f.Tuple.Remote.Netip(), f.Tuple.RemotePort).String()
	case f.Class == conntrack.ClassQuery:
		// The asking side's port is the identifier, the other one names the type.
		id, kind := f.Tuple.RemotePort, f.Tuple.LocalPort
		if f.Opener == conntrack.Egress {
			id, kind = kind, id
		}
		t := uint8(kind >> 8)
		doc.ICMPID, doc.ICMPType = &id, &t
	}
	return doc
}

// seconds rounds to whole ones, never below zero.
func seconds(d time.Duration) int64 { return int64(max(d, 0).Round(time.Second) / time.Second) }
