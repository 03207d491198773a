package metrics

import "sgfw/cmd/internal/api"

// packetFamilies are about packets and what became of them.
var packetFamilies = []Family{
	counter("verdicts_total", "Packets by direction (ingress, egress, or none where no interface "+
		"was asked), verdict (accept or drop) and reason, as sgfw log has them.",
		func(s *api.Status, put putter) {
			for _, v := range s.Verdicts {
				for _, d := range []struct {
					direction string
					packets   uint64
				}{
					{"ingress", v.Ingress}, {"egress", v.Egress},
					{"none", v.Packets - v.Ingress - v.Egress},
				} {
					if d.packets > 0 {
						put(float64(d.packets), d.direction, v.Verdict, v.Reason)
					}
				}
			}
		}, "direction", "verdict", "reason"),
	counter("table_packets_total", "Packets that rules of the nftables table counted, by counter: "+
		"what was queued, what passed by each failsafe, what was dropped while no queue was there.",
		func(s *api.Status, put putter) {
			for name, n := range s.Table.Counters {
				put(float64(n), name)
			}
		}, "counter"),
	gauge("offload_flows", "Flows that the kernel carries on with, by kind: proven or opening. "+
		"This and the next three are there with the datapath offload alone.",
		ofOffload(func(o *api.OffloadStatus, put putter) {
			put(float64(o.Flows), "proven")
			put(float64(o.Opening), "opening")
		}), "kind"),
	counter("offload_packets_total",
		"Packets that the kernel passed by itself. They are among those of sgfw_verdicts_total.",
		ofOffload(func(o *api.OffloadStatus, put putter) { put(float64(o.Packets)) })),
	counter("offload_bytes_total", "Bytes of these packets.",
		ofOffload(func(o *api.OffloadStatus, put putter) { put(float64(o.Bytes)) })),
	counter("offload_refused_total", "How many times a flow found no room in the kernel.",
		ofOffload(func(o *api.OffloadStatus, put putter) { put(float64(o.NoRoom)) })),
}

// ofOffload reads what is there with the datapath offload alone.
func ofOffload(read func(*api.OffloadStatus, putter)) func(*api.Status, putter) {
	return func(s *api.Status, put putter) {
		if s.Offload != nil {
			read(s.Offload, put)
		}
	}
}
