package file

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// settings reads what is under `settings:` over the defaults in s, or those of a preset.
func (d *decoder) settings(n *node, s *policy.Settings) {
	f, ok := d.mapping(n, "settings", settingsKeys)
	if !ok {
		return
	}
	preset := d.word(f["preset"], "preset", "settings")
	if i := slices.Index(namesOf(policy.Presets()), preset); i >= 0 {
		*s = policy.Presets()[i].Settings()
	}
	tracking := []policy.Tracking{policy.TrackingAlways, policy.TrackingAWS}
	word := d.word(f["tracking"], "tracking", "settings")
	if i := slices.Index(namesOf(tracking), word); i >= 0 {
		s.Tracking = tracking[i]
	}
	if datapath := d.word(f["datapath"], "datapath", "settings"); datapath != "" {
		s.Datapath = policy.Datapath(datapath)
	}
	if n := f["offload"]; n != nil {
		d.offload(n, &s.Offload)
	}
	if n := f["flow_log"]; n != nil {
		d.flowLog(n, &s.FlowLog)
	}
	s.Watch, _ = d.truth(f["watch"], "watch")
	errors := []policy.ICMPErrors{policy.ICMPErrorsRelated, policy.ICMPErrorsRules}
	word = d.word(f["icmp_errors"], "icmp_errors", "settings")
	if i := slices.Index(namesOf(errors), word); i >= 0 {
		s.ICMPErrors = errors[i]
	}
	d.exempt(f["exempt"], s)
	if n := f["failsafe"]; n != nil {
		d.failsafes(n, s)
	}
	if d.word(f["on_stop"], "on_stop", "settings") == policy.OnStopKeep.String() {
		s.OnStop = policy.OnStopKeep
	}
	if n := f["metrics"]; n != nil {
		d.metrics(n, s)
	}
	if n := f["on_failure"]; n != nil {
		d.onFailure(n, s)
	}
	if n := f["queues"]; n != nil {
		d.queues(n, s)
	}
	if driver := d.word(f["queue_driver"], "queue_driver", "settings"); driver != "" {
		s.QueueDriver = policy.QueueDriver(driver)
	}
	if flows, ok := d.number(f["max_flows"], "max_flows"); ok {
		s.MaxFlows = flows
	}
}

func (d *decoder) queues(n *node, s *policy.Settings) {
	f, _ := d.mapping(n, "queues", queuesKeys)
	base, ok := d.number(f["base"], "queues.base")
	switch {
	case ok && (base < 0 || base > policy.MaxQueueNumber):
		d.invalid(f["base"], fmt.Sprintf("1 to %d", policy.MaxQueueNumber),
			"queues.base %d is out of range", base)
	case ok:
		s.QueueBase = uint16(base)
	}
	if count, ok := d.number(f["count"], "queues.count"); ok {
		s.QueueCount = count
	}
	if n, ok := d.number(f["busy_poll"], "queues.busy_poll"); ok {
		// Far out of range is out of range, not an overflow.
		s.QueueBusyPoll = time.Duration(max(-1, min(n, 1e9))) * time.Microsecond
	}
	balance := d.word(f["balance"], "queues.balance", "settings.queues")
	if i := slices.Index(policy.Balances(), balance); i >= 0 {
		s.QueueBalance = policy.Balance(i)
	}
}

func (d *decoder) onFailure(n *node, s *policy.Settings) {
	f, _ := d.mapping(n, "on_failure", failureKeys)
	for _, cause := range policy.Failures() {
		key := cause.String()
		if d.word(f[key], key, "settings.on_failure") == policy.FailAccept.String() {
			*cause.Action(s) = policy.FailAccept
		}
	}
}

// metrics reads where they are to be had. Whether that is a place for them the policy says.
func (d *decoder) metrics(n *node, s *policy.Settings) {
	f, _ := d.mapping(n, "metrics", metricsKeys)
	listen, ok := d.plainText(f["listen"], "metrics.listen")
	if ok && listen == "" {
		d.invalid(f["listen"], "leave it out for no metrics", "metrics.listen is empty")
	}
	s.Metrics.Listen = policy.Listen(listen)
}

// exempt reads the names of exemptions.
func (d *decoder) exempt(n *node, s *policy.Settings) {
	items, ok := d.list(n, "exempt")
	if n != nil && ok {
		s.Exempt = 0 // in place of those of a preset
	}
	words := namesOf(policy.Exemptions())
	for _, item := range items {
		i := slices.Index(words, d.oneOf(item, "exempt", words...))
		if i < 0 {
			continue
		}
		x := policy.Exemptions()[i]
		if s.Exempt.Has(x) {
			d.invalid(item, "write it once", "exempt has %s twice", x)
		}
		s.Exempt = s.Exempt.With(x)
	}
}

func (d *decoder) failsafes(n *node, s *policy.Settings) {
	f, _ := d.mapping(n, "failsafe", failsafeKeys)
	for _, l := range policy.Failsafes() {
		if n := f[l.String()]; n != nil {
			if on, ok := d.truth(n, "failsafe."+l.String()); ok && !on {
				s.CutFailsafes = s.CutFailsafes.With(l)
			}
		}
	}
}

// word reads one of the words that the reference gives to a key; "" if there is none. label
// names the key in messages, path is its part.
func (d *decoder) word(n *node, label, path string) string {
	k := keyAt(path, label[strings.LastIndexByte(label, '.')+1:])
	return d.oneOf(n, label, k.Words...)
}

// oneOf reads one of a few words; "" if the key is absent or has another value.
func (d *decoder) oneOf(n *node, key string, words ...string) string {
	if n == nil || unusable(n) {
		return ""
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && slices.Contains(words, n.Value) {
		return n.Value
	}
	hint := strings.Join(words, " or ")
	if near := policy.Suggest(n.Value, words); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.invalid(n, hint, "%s cannot be %s", key, describe(n))
	return ""
}
