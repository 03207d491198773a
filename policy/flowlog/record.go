package flowlog

import (
	"net/netip"
	"strconv"
)

// Status is what a record says of its window.
type Status uint8

const (
	// OK: the record is traffic.
	OK Status = iota
	// NoData: the interface had no traffic (F11).
	NoData
	// SkipData: records of the interface were lost (F11).
	SkipData
)

// String is the value of log-status.
func (s Status) String() string { return [...]string{"OK", "NODATA", "SKIPDATA"}[s] }

// Record is traffic with one 5-tuple through one interface, in one direction and with one
// action, in a window; or, by its Status, that there was none or that it is not known.
type Record struct {
	Status Status
	// Interface is the ID of the interface, Device what the policy calls it.
	Interface, Device string
	// Src and Dst are as AWS has them: of the interface's own side its primary address.
	// PktSrc and PktDst are those of the packets (F4).
	Src, Dst, PktSrc, PktDst netip.Addr
	SrcPort, DstPort         uint16
	Protocol                 uint8
	Packets, Bytes           uint64
	// Start and End are seconds of Unix: of the first and last packet, without any of the
	// window.
	Start, End int64
	// Egress is true for what the protected machine sends.
	Egress, Accepted bool
	// Flags are as tcp-flags has them (F5).
	Flags uint8
	// RuleID, GroupID and Reason are "" where there is none.
	RuleID, GroupID, Reason string
	Generation              uint64
}

// Names are what records call this machine and where it is; "" for what is not known.
type Names struct {
	AccountID, VPCID, SubnetID, InstanceID, Region, AZID string
}

// Value is what a record has in a field.
type Value struct {
	// Present is false for "-".
	Present bool
	// Text is the value of a field of KindText, Int that of the others.
	Text string
	Int  int64
}

// absent is how text shows a value that is missing (F2).
const absent = "-"

func text(s string) Value { return Value{s != "", s, 0} }
func number[N ~int | ~uint8 | ~uint16 | ~uint64 | ~int64](n N) Value {
	return Value{true, "", int64(n)}
}

// Value returns what the record has in a field.
func (f Format) Value(field Field, n *Names, r *Record) Value {
	switch field {
	case Version:
		return number(f.version)
	case AccountID:
		return text(n.AccountID)
	case InterfaceID:
		return text(r.Interface)
	case Start:
		return number(r.Start)
	case End:
		return number(r.End)
	case LogStatus:
		return text(r.Status.String())
	case VPCID:
		return text(n.VPCID)
	case SubnetID:
		return text(n.SubnetID)
	case InstanceID:
		return text(n.InstanceID)
	case Region:
		return text(n.Region)
	case AZID:
		return text(n.AZID)
	case Device:
		return text(r.Device)
	}
	if r.Status != OK {
		return Value{}
	}
	return r.traffic(field)
}

// traffic is what records have that are traffic.
func (r *Record) traffic(field Field) Value {
	switch field {
	case SrcAddr:
		return text(r.Src.String())
	case DstAddr:
		return text(r.Dst.String())
	case PktSrcAddr:
		return text(r.PktSrc.String())
	case PktDstAddr:
		return text(r.PktDst.String())
	case SrcPort:
		return number(r.SrcPort)
	case DstPort:
		return number(r.DstPort)
	case Protocol:
		return number(r.Protocol)
	case Packets:
		return number(r.Packets)
	case Bytes:
		return number(r.Bytes)
	case TCPFlags:
		return number(r.Flags)
	case Action:
		if r.Accepted {
			return text("ACCEPT")
		}
		return text("REJECT")
	case Type:
		if r.PktSrc.Is4() {
			return text("IPv4")
		}
		return text("IPv6")
	case FlowDirection:
		if r.Egress {
			return text("egress")
		}
		return text("ingress")
	case RuleID:
		return text(r.RuleID)
	case GroupID:
		return text(r.GroupID)
	case Reason:
		return text(r.Reason)
	case Generation:
		return number(r.Generation)
	}
	return Value{} // means nothing on a host
}

// Append appends the record as a line of text, without its end.
func (f Format) Append(dst []byte, n *Names, r *Record) []byte {
	for i, field := range f.fields {
		if i > 0 {
			dst = append(dst, ' ')
		}
		switch v := f.Value(field, n, r); {
		case !v.Present:
			dst = append(dst, absent...)
		case field.Kind() == KindText:
			dst = appendWord(dst, v.Text)
		default:
			dst = strconv.AppendInt(dst, v.Int, 10)
		}
	}
	return dst
}

// appendWord appends text as one word: what would end a value or a line becomes "_".
func appendWord(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f {
			dst = append(dst, '_')
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
