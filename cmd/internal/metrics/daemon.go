package metrics

import (
	"time"

	"sgfw/cmd/internal/api"
)

// daemonFamilies are about the process and the policy in force.
var daemonFamilies = []Family{
	gauge("build_info", "The version of the daemon, as a label of the value 1.",
		func(s *api.Status, put putter) { put(1, s.Version) }, "version"),
	gauge("start_time_seconds", "When the daemon started, in seconds since 1970.",
		func(s *api.Status, put putter) { put(seconds(s.Started)) }),
	gauge("degraded", "How many things are not as the policy wants them; sgfw status names them.",
		one(func(s *api.Status) int { return len(s.Degraded) })),
	gauge("policy_generation", "The number of the ruleset in force, which grows with each change "+
		"of rules or addresses.",
		one(func(s *api.Status) uint64 { return s.Policy.Generation })),
	gauge("policy_loaded_timestamp_seconds",
		"When the policy in force was put in force, in seconds since 1970.",
		func(s *api.Status, put putter) { put(seconds(s.Policy.Loaded)) }),
	gauge("policy_rules", "How many rules the policy in force has.",
		one(func(s *api.Status) int { return s.Policy.Rules })),
	gauge("policy_file_differs",
		"1 if the policy file says something else than what is in force, or cannot be read.",
		whether(func(s *api.Status) bool { return s.Policy.FileDiffers })),
	gauge("policy_stand_in", "1 if another policy than the file's is in force since the start, "+
		"because the file cannot be used.",
		whether(func(s *api.Status) bool { return s.Policy.StandIn != "" })),
	gauge("policy_unconfirmed", "1 if the policy in force is rolled back unless it is confirmed.",
		whether(func(s *api.Status) bool { return s.Policy.Pending != nil })),
	counter("reloads_total", "Changes of the policy, by result: applied, refused, unread (the "+
		"policy could not be read) or rolled_back.",
		func(s *api.Status, put putter) {
			r := s.Policy.Reloads
			put(float64(r.Applied), "applied")
			put(float64(r.Refused), "refused")
			put(float64(r.Unread), "unread")
			put(float64(r.RolledBack), "rolled_back")
		}, "result"),
	gauge("interfaces", "Interfaces of the policy, by state: present, later (no such device is "+
		"there, and it may well come) or missing (there is none, and there should be).",
		func(s *api.Status, put putter) {
			n := make(map[string]int)
			for i := range s.Interfaces {
				n[s.Interfaces[i].Missing]++
			}
			put(float64(n[""]), "present")
			put(float64(n[api.MissingLater]), "later")
			put(float64(n[api.MissingUnknown]), "missing")
		}, "state"),
	counter("table_repairs_total",
		"How many times another program damaged the nftables table, and it was repaired.",
		one(func(s *api.Status) uint64 { return s.Table.Repaired })),
	counter("events_lost_total", "What somebody wanted to see and nobody read in time, by stream: "+
		"verdicts (of sgfw log -f) or log (lines of the daemon's log).",
		func(s *api.Status, put putter) {
			put(float64(s.EventsLost), "verdicts")
			put(float64(s.LogLost), "log")
		}, "stream"),
}

// seconds is a moment in seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
