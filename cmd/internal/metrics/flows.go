package metrics

import (
	"strconv"
	"unicode/utf8"

	"sgfw/cmd/internal/api"
)

// flowFamilies are about the flow table.
var flowFamilies = []Family{
	gauge("flows", "Live flows by state: open, half_open and closed connections of TCP, udp, "+
		"udp_stream, icmp_query, other, revoked, and untracked, which the limit does not count.",
		func(s *api.Status, put putter) {
			f := s.Flows.States
			put(float64(f.Open), "open")
			put(float64(f.HalfOpen), "half_open")
			put(float64(f.Closed), "closed")
			put(float64(f.Datagrams), "udp")
			put(float64(f.Streams), "udp_stream")
			put(float64(f.Queries), "icmp_query")
			put(float64(f.Others), "other")
			put(float64(f.Revoked), "revoked")
			put(float64(s.Flows.Untracked), "untracked")
		}, "state"),
	gauge("flows_limit", "The most flows that there may be, by kind: tracked, half_open (of the "+
		"tracked ones) or untracked.",
		func(s *api.Status, put putter) {
			put(float64(s.Flows.Max), "tracked")
			put(float64(s.Flows.MaxHalfOpen), "half_open")
			put(float64(s.Flows.MaxUntracked), "untracked")
		}, "kind"),
	counter("flows_created_total", "New flows.",
		one(func(s *api.Status) uint64 { return s.Flows.Created })),
	counter("flows_adopted_total", "Flows that were there before the daemon.",
		one(func(s *api.Status) uint64 { return s.Flows.Adopted })),
	counter("flows_expired_total", "Flows that ended because nothing came for too long.",
		one(func(s *api.Status) uint64 { return s.Flows.Expired })),
	counter("flows_revoked_total", "Flows that were ended by order.",
		one(func(s *api.Status) uint64 { return s.Flows.Revoked })),
	counter("flows_evicted_total", "Flows that made room for others, by state: half_open, "+
		"unreplied, answered, closed or untracked.",
		func(s *api.Status, put putter) {
			put(float64(s.Flows.EvictedHalfOpen), "half_open")
			put(float64(s.Flows.EvictedUnreplied), "unreplied")
			put(float64(s.Flows.EvictedAnswered), "answered")
			put(float64(s.Flows.EvictedClosed), "closed")
			put(float64(s.Flows.EvictedUntracked), "untracked")
		}, "state"),
	counter("flows_refused_total", "New flows that found no room in the flow table.",
		one(func(s *api.Status) uint64 { return s.Flows.RefusedFull })),
	counter("conntrack_allowance_exceeded_total", "Packets that a full flow table cost a device, "+
		"as AWS counts them for an instance (conntrack_allowance_exceeded).",
		ofDevices(func(d *api.Device) float64 { return float64(d.AllowanceExceeded) }), "device"),
	gauge("conntrack_allowance_available", "How many flows more find room at a device, as AWS "+
		"has it for an instance (conntrack_allowance_available).",
		ofDevices(func(d *api.Device) float64 { return float64(d.AllowanceAvailable) }), "device"),
	gauge("flows_not_kept", "1 if a restart of the daemon would lose the flows of now.",
		whether(func(s *api.Status) bool { return s.Kept != nil && s.Kept.Error != "" })),
}

// ofDevices reads a value of each managed device that is there. No device has two entries.
func ofDevices(value func(*api.Device) float64) func(*api.Status, putter) {
	return func(s *api.Status, put putter) {
		for i := range s.Interfaces {
			for j := range s.Interfaces[i].Covered {
				d := &s.Interfaces[i].Covered[j]
				put(value(d), printable(d.Name))
			}
		}
	}
}

// printable is the name of a device as a label, which is UTF-8: Linux takes any bytes.
func printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.Quote(name)
}
