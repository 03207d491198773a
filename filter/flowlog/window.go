package flowlog

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// MaxTraffic is how many records a window has at most. So many take about 140 MB while they are
// added up and written, and 37 MB in each of the up to four windows that wait for a slow disk:
// 290 MB at most. What comes beyond is SKIPDATA.
const MaxTraffic = 1 << 17

// Window adds up traffic. Its methods are for one goroutine.
type Window struct {
	// Start is when it began, in seconds of Unix.
	Start int64

	wanted  policy.TrafficType
	max     int
	traffic map[filter.TrafficKey]*filter.Traffic
	missed  map[uint32]bool
	// known are the interfaces that were there at some time of the window.
	known map[uint32]Interface
	// lost is what had no room.
	lost uint64
}

// NewWindow returns a window that begins at start and has records of the traffic that is
// wanted, at most max.
func NewWindow(start int64, wanted policy.TrafficType, max int) *Window {
	return &Window{Start: start, wanted: wanted, max: max,
		traffic: make(map[filter.TrafficKey]*filter.Traffic),
		missed:  make(map[uint32]bool), known: make(map[uint32]Interface)}
}

// Look notes the interfaces that are there.
func (w *Window) Look(s *Scene) { maps.Copy(w.known, s.Interfaces) }

// Add adds traffic.
func (w *Window) Add(t *filter.Traffic) {
	if have := w.traffic[t.TrafficKey]; have != nil {
		have.Add(t)
		return
	}
	if len(w.traffic) >= w.max {
		w.Miss(filter.Unrecorded{Index: t.Index, Packets: t.Packets, Bytes: t.Bytes})
		return
	}
	one := *t
	w.traffic[t.TrafficKey] = &one
}

// Miss notes traffic of which no more is known.
func (w *Window) Miss(u filter.Unrecorded) {
	w.missed[u.Index] = true
	w.lost += u.Packets
}

// Lost is how many packets are in no record.
func (w *Window) Lost() uint64 { return w.lost }

// Close returns the records of the window: traffic in the order of its first packets, then a
// line for each interface of which something was lost, or that had nothing.
func (w *Window) Close(s *Scene, c Clock) []flowlog.Record {
	w.Look(s)
	end := c.Wall.Unix()
	start := min(w.Start, end) // the clock may have been set back meanwhile
	out := make([]flowlog.Record, 0, len(w.traffic)+len(w.known))
	busy := make(map[uint32]bool)
	for _, t := range w.traffic {
		busy[t.Index] = true
		if w.wanted.Includes(t.Accepted) {
			out = append(out, w.record(t, s, c))
		}
	}
	slices.SortFunc(out, inOrder)
	elsewhere := false // of devices that nobody knows any more, or too many
	for index := range w.missed {
		if _, ok := w.known[index]; !ok {
			elsewhere = true
		}
	}
	var rest []flowlog.Record
	for index, in := range w.known {
		r := flowlog.Record{Interface: in.ID, Device: in.Device, Start: start, End: end}
		switch {
		case w.missed[index] || elsewhere:
			r.Status = flowlog.SkipData
		case !busy[index]:
			r.Status = flowlog.NoData
		default:
			continue
		}
		rest = append(rest, r)
	}
	slices.SortFunc(rest, inOrder)
	return append(out, rest...)
}

// inOrder is the order of records in a file.
func inOrder(a, b flowlog.Record) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Interface, b.Interface),
		a.PktSrc.Compare(b.PktSrc), a.PktDst.Compare(b.PktDst), cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.SrcPort, b.SrcPort), cmp.Compare(a.DstPort, b.DstPort),
		cmp.Compare(a.Packets, b.Packets))
}

// record is traffic as a flow log has it.
func (w *Window) record(t *filter.Traffic, s *Scene, c Clock) flowlog.Record {
	in := w.known[t.Index]
	r := flowlog.Record{
		Interface: in.ID, Device: in.Device,
		PktSrc: t.Tuple.Remote.Netip(), PktDst: t.Tuple.Local.Netip(),
		SrcPort: t.Tuple.RemotePort, DstPort: t.Tuple.LocalPort, Protocol: t.Tuple.Proto(),
		Packets: t.Packets, Bytes: t.Bytes, Start: c.Unix(t.First), End: c.Unix(t.Last),
		Accepted: t.Accepted, Flags: t.TCPFlags, Reason: t.Reason.String(), Generation: t.Generation,
	}
	r.Src, r.Dst = r.PktSrc, own(r.PktDst, in.Primary)
	if t.Direction != 0 {
		r.Egress = true
		r.PktSrc, r.PktDst = r.PktDst, r.PktSrc
		r.SrcPort, r.DstPort = r.DstPort, r.SrcPort
		r.Src, r.Dst = own(r.PktSrc, in.Primary), r.PktDst
	}
	r.RuleID, r.GroupID = s.rule(t)
	return r
}

// own is the address of the interface's side: its primary one, of IPv4 (F4).
func own(addr, primary netip.Addr) netip.Addr {
	if addr.Is4() && primary.IsValid() {
		return primary
	}
	return addr
}
