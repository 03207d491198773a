package file

import (
	"errors"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// flowLog reads what is under `settings.flow_log:` into l.
func (d *decoder) flowLog(n *node, l *policy.FlowLog) {
	f, ok := d.mapping(n, "flow_log", flowLogKeys)
	if !ok {
		return
	}
	*l = policy.DefaultFlowLog
	l.Destination, _ = d.text(f["destination"], "flow_log.destination")
	const path = "settings.flow_log"
	if word := d.word(f["file_format"], "flow_log.file_format", path); word != "" {
		l.File = policy.FlowLogFile(word)
	}
	if word := d.word(f["traffic_type"], "flow_log.traffic_type", path); word != "" {
		l.Traffic = policy.TrafficType(word)
	}
	d.logFormat(f["log_format"], l)
	if seconds, ok := d.number(f["aggregation_interval"], "flow_log.aggregation_interval"); ok {
		// Far out of range is out of range, not an overflow.
		l.Interval = time.Duration(max(-1, min(seconds, 1e6))) * time.Second
	}
	if hive, ok := d.truth(f["hive_compatible_partitions"],
		"flow_log.hive_compatible_partitions"); ok {
		l.Hive = hive
	}
	if n, ok := d.number(f["max_megabytes"], "flow_log.max_megabytes"); ok {
		l.Megabytes = n
	}
	for _, name := range policy.FlowLogNames() {
		key := name.String()
		value, ok := d.text(f[key], "flow_log."+key)
		if ok && value == "" {
			d.invalid(f[key], "leave it out", "flow_log.%s is empty", key)
		}
		*name.Of(l) = value
	}
}

// logFormat reads a format string. A mistake is where it stands in the line, as far as the
// text is written as it is meant.
func (d *decoder) logFormat(n *node, l *policy.FlowLog) {
	const key = "flow_log.log_format"
	value, ok := d.text(n, key)
	if !ok {
		return
	}
	format, err := flowlog.ParseFormat(value)
	bad, wrong := errors.AsType[*flowlog.FormatError](err)
	if !wrong {
		l.Format = format.String()
		return
	}
	pos := d.at(n)
	switch quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0; {
	case strings.ContainsAny(value, "\n\"'\\"), !isWord(n) && !quoted:
	case quoted:
		pos = d.pos(n.Line, n.Column+bad.Column)
	default:
		pos = d.pos(n.Line, n.Column+bad.Column-1)
	}
	d.errorAt(pos, policy.InvalidParameterValue, bad.Hint, "%s: %s", key, bad.Message)
}

// flowLog writes a flow log; nothing for none.
func (w *writer) flowLog(l policy.FlowLog) {
	if l.Destination == "" {
		return
	}
	w.line(2, "flow_log:")
	w.text(4, "destination", l.Destination)
	usual := policy.DefaultFlowLog
	if l.File != usual.File {
		w.line(4, "file_format: %s", l.File)
	}
	if l.Format != "" {
		w.text(4, "log_format", l.Format)
	}
	if l.Traffic != usual.Traffic {
		w.line(4, "traffic_type: %s", l.Traffic)
	}
	if l.Interval != usual.Interval {
		w.line(4, "aggregation_interval: %d", l.Interval/time.Second)
	}
	if l.Hive {
		w.line(4, "hive_compatible_partitions: true")
	}
	if l.Megabytes != usual.Megabytes {
		w.line(4, "max_megabytes: %d", l.Megabytes)
	}
	for _, name := range policy.FlowLogNames() {
		if value := *name.Of(&l); value != "" {
			w.text(4, name.String(), value)
		}
	}
}
