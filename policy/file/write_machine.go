package file

import (
	"net/netip"
	"time"

	"sgfw/policy"
)

// iface writes an interface; what a preset gives it is left out.
func (w *writer) iface(i *policy.Interface, preset policy.Preset) {
	w.comment(2, i.Pos)
	w.first = true
	w.line(4, "device: %s", asText(i.Device))
	if i.Mode != policy.ModeHost {
		w.line(4, "mode: %s", i.Mode)
	}
	if i.View != preset.View() {
		w.line(4, "view: %s", i.View)
	}
	w.list(4, "addresses", ownItems(i.Own()))
	w.names(4, "security_groups", i.Groups)
	w.text(4, "network_acl", i.NetworkACL)
	if i.SourceDestCheck != i.DefaultSourceDestCheck() {
		w.line(4, "source_dest_check: %t", i.SourceDestCheck)
	}
	w.text(4, "scope", i.Scope)
	if i.MaxFlows != 0 {
		w.line(4, "max_flows: %d", i.MaxFlows)
	}
	w.timeouts(4, i.Timeouts, preset.Timeouts())
}

func (w *writer) remote(r *policy.Remote) {
	w.comment(2, r.Pos)
	w.first = true
	w.line(4, "name: %s", asText(r.Name))
	if own := ownItems(r.Own()); len(own) > 0 {
		w.list(4, "addresses", own)
	} else {
		w.line(4, "addresses: []")
	}
	w.names(4, "security_groups", r.Groups)
}

// ownItems are addresses and prefixes as items of a list.
func ownItems(own []netip.Prefix) []string {
	items := make([]string, len(own))
	for i, p := range own {
		items[i] = asText(policy.OwnText(p))
	}
	return items
}

// timeouts writes those that are not the usual ones.
func (w *writer) timeouts(indent int, t, usual policy.Timeouts) {
	if t == usual {
		return
	}
	w.line(indent, "connection_tracking:")
	for _, timer := range []struct {
		key       string
		is, usual time.Duration
	}{
		{"tcp_established_timeout", t.TCPEstablished, usual.TCPEstablished},
		{"tcp_half_closed_timeout", t.TCPHalfClosed, usual.TCPHalfClosed},
		{"udp_timeout", t.UDP, usual.UDP},
		{"udp_stream_timeout", t.UDPStream, usual.UDPStream},
	} {
		if timer.is != timer.usual {
			w.line(indent+2, "%s: %d", timer.key, timer.is/time.Second)
		}
	}
}

func (w *writer) quotas(q policy.Quotas) {
	usual := policy.DefaultQuotas
	if q == usual {
		return
	}
	w.b.WriteString("\nquotas:\n")
	for _, key := range policy.QuotaKeys() {
		if n := *q.Field(key); n != *usual.Field(key) {
			w.line(2, "%s: %d", key, n)
		}
	}
}

func (w *writer) settings(s *policy.Settings) {
	usual := s.Preset.Settings()
	if *s == policy.DefaultSettings {
		return
	}
	w.b.WriteString("\nsettings:\n")
	if s.Preset != policy.NoPreset {
		w.line(2, "preset: %s", s.Preset)
	}
	if s.Tracking != usual.Tracking {
		w.line(2, "tracking: %s", s.Tracking)
	}
	if s.ICMPErrors != usual.ICMPErrors {
		w.line(2, "icmp_errors: %s", s.ICMPErrors)
	}
	if s.Exempt != usual.Exempt {
		var names []string
		for x := range s.Exempt.All() {
			names = append(names, x.String())
		}
		w.names(2, "exempt", names)
	}
	if s.CutFailsafes != 0 {
		w.line(2, "failsafe:")
		for f := range s.CutFailsafes.All() {
			w.line(4, "%s: false", f)
		}
	}
	if s.Datapath != usual.Datapath {
		w.line(2, "datapath: %s", s.Datapath)
	}
	w.offload(s.Offload, usual.Offload)
	if s.OnStop != usual.OnStop {
		w.line(2, "on_stop: %s", s.OnStop)
	}
	w.onFailure(s, usual)
	w.queues(s, usual)
	if s.QueueDriver != usual.QueueDriver {
		w.line(2, "queue_driver: %s", s.QueueDriver)
	}
	if s.MaxFlows != usual.MaxFlows {
		w.line(2, "max_flows: %d", s.MaxFlows)
	}
	w.flowLog(s.FlowLog)
	if s.Watch {
		w.line(2, "watch: true")
	}
	if s.Metrics.Listen != "" {
		w.line(2, "metrics:")
		w.line(4, "listen: %s", asText(string(s.Metrics.Listen)))
	}
}

func (w *writer) onFailure(s *policy.Settings, usual policy.Settings) {
	key := "on_failure:"
	for _, f := range policy.Failures() {
		if action := *f.Action(s); action != *f.Action(&usual) {
			if key != "" {
				w.line(2, "%s", key)
			}
			key = ""
			w.line(4, "%s: %s", f, action)
		}
	}
}

func (w *writer) offload(o, usual policy.Offload) {
	if o == usual {
		return
	}
	w.line(2, "offload:")
	if o.MarkBits != usual.MarkBits {
		w.line(4, "mark_bits: [%d, %d]", o.MarkBits[0], o.MarkBits[1])
	}
	if o.Lifetime != usual.Lifetime {
		w.line(4, "lifetime: %d", o.Lifetime/time.Second)
	}
}

func (w *writer) queues(s *policy.Settings, usual policy.Settings) {
	key := "queues:"
	put := func(differs bool, format string, a any) {
		if !differs {
			return
		}
		if key != "" {
			w.line(2, "%s", key)
			key = ""
		}
		w.line(4, format, a)
	}
	put(s.QueueBase != usual.QueueBase, "base: %d", s.QueueBase)
	put(s.QueueCount != usual.QueueCount, "count: %d", s.QueueCount)
	put(s.QueueBalance != usual.QueueBalance, "balance: %s", s.QueueBalance)
	put(s.QueueBusyPoll != usual.QueueBusyPoll, "busy_poll: %d", s.QueueBusyPoll/time.Microsecond)
}
