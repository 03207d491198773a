package metrics

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sgfw/cmd/internal/api"
)

// everything is a status document with something of everything.
func everything() *api.Status {
	return &api.Status{
		State: api.StateDegraded, Degraded: []string{"one", "two"}, Version: "1.2.3",
		Started: time.Unix(1000, 5e8),
		Policy: api.PolicyStatus{Generation: 7, Loaded: time.Unix(2000, 0), Rules: 5,
			FileDiffers: true, StandIn: api.StandInClosed, Pending: &api.PendingConfirm{},
			Reloads: api.Reloads{Applied: 1, Refused: 2, Unread: 3, RolledBack: 4}},
		Interfaces: []api.InterfaceStatus{
			{Device: "eth0", Covered: []api.Device{{Name: "eth0", AllowanceExceeded: 11,
				AllowanceAvailable: 12}}},
			{Device: "tap*", Missing: api.MissingLater},
			{Device: "eth9", Missing: api.MissingUnknown},
			{Device: "v*", Covered: []api.Device{{Name: "v\xff"}, {Name: "v\xfe"}, {Name: "v\"\n"}}},
		},
		Table: api.TableStatus{Repaired: 13, Counters: map[string]uint64{"queued": 14}},
		Queues: []api.QueueStatus{{Number: 4270, Packets: 15, Malformed: 16, Foreign: 17,
			VerdictErrors: 18, Panics: 19, Overruns: 20, Lost: 21, Waiting: 22, KernelDropped: 23,
			UserDropped: 24, Batches: api.BatchStatus{Count: 9, Nanoseconds: 2.5e9,
				Within: []api.BatchesWithin{{Nanoseconds: 16384, Count: 4}, {Nanoseconds: 65536, Count: 8}}}}},
		Flows: api.FlowStatus{Max: 25, MaxHalfOpen: 26, MaxUntracked: 27, Untracked: 28, Created: 29,
			Adopted: 30, Expired: 31, Revoked: 32, EvictedHalfOpen: 33, EvictedUnreplied: 34,
			EvictedAnswered: 35, EvictedClosed: 36, EvictedUntracked: 37, RefusedFull: 38,
			States: api.FlowStates{Open: 39, HalfOpen: 40, Closed: 41, Datagrams: 42, Streams: 43,
				Queries: 44, Others: 45, Revoked: 46}},
		Kept: &api.KeptStatus{Error: "no room"},
		Offload: &api.OffloadStatus{Flows: 47, Opening: 48, NoRoom: 49, Packets: 50,
			Bytes: 51},
		Failures: []api.FailureStatus{{Cause: "stuck", Action: "drop", Active: true, Times: 52,
			Packets: 53}, {Cause: "overloaded", Action: "accept"}},
		Verdicts: []api.VerdictCount{
			{Verdict: "accept", Reason: "rule", Packets: 300, Ingress: 200, Egress: 99},
			{Verdict: "drop", Reason: "packet: truncated", Packets: 54}},
		EventsLost: 55, LogLost: 56,
	}
}

// want is that document as Prometheus reads it.
const want = `sgfw_batch_seconds_bucket{queue="4270",le="+Inf"} 9
sgfw_batch_seconds_bucket{queue="4270",le="1.6384e-05"} 4
sgfw_batch_seconds_bucket{queue="4270",le="6.5536e-05"} 8
sgfw_batch_seconds_count{queue="4270"} 9
sgfw_batch_seconds_sum{queue="4270"} 2.5
sgfw_build_info{version="1.2.3"} 1
sgfw_conntrack_allowance_available{device="\"v\\xfe\""} 0
sgfw_conntrack_allowance_available{device="\"v\\xff\""} 0
sgfw_conntrack_allowance_available{device="eth0"} 12
sgfw_conntrack_allowance_available{device="v\"\n"} 0
sgfw_conntrack_allowance_exceeded_total{device="\"v\\xfe\""} 0
sgfw_conntrack_allowance_exceeded_total{device="\"v\\xff\""} 0
sgfw_conntrack_allowance_exceeded_total{device="eth0"} 11
sgfw_conntrack_allowance_exceeded_total{device="v\"\n"} 0
sgfw_degraded 2
sgfw_events_lost_total{stream="log"} 56
sgfw_events_lost_total{stream="verdicts"} 55
sgfw_failure_active{action="accept",cause="overloaded"} 0
sgfw_failure_active{action="drop",cause="stuck"} 1
sgfw_failure_packets_total{action="accept",cause="overloaded"} 0
sgfw_failure_packets_total{action="drop",cause="stuck"} 53
sgfw_failures_total{action="accept",cause="overloaded"} 0
sgfw_failures_total{action="drop",cause="stuck"} 52
sgfw_flows_adopted_total 30
sgfw_flows_created_total 29
sgfw_flows_evicted_total{state="answered"} 35
sgfw_flows_evicted_total{state="closed"} 36
sgfw_flows_evicted_total{state="half_open"} 33
sgfw_flows_evicted_total{state="unreplied"} 34
sgfw_flows_evicted_total{state="untracked"} 37
sgfw_flows_expired_total 31
sgfw_flows_limit{kind="half_open"} 26
sgfw_flows_limit{kind="tracked"} 25
sgfw_flows_limit{kind="untracked"} 27
sgfw_flows_not_kept 1
sgfw_flows_refused_total 38
sgfw_flows_revoked_total 32
sgfw_flows{state="closed"} 41
sgfw_flows{state="half_open"} 40
sgfw_flows{state="icmp_query"} 44
sgfw_flows{state="open"} 39
sgfw_flows{state="other"} 45
sgfw_flows{state="revoked"} 46
sgfw_flows{state="udp"} 42
sgfw_flows{state="udp_stream"} 43
sgfw_flows{state="untracked"} 28
sgfw_interfaces{state="later"} 1
sgfw_interfaces{state="missing"} 1
sgfw_interfaces{state="present"} 2
sgfw_offload_bytes_total 51
sgfw_offload_flows{kind="opening"} 48
sgfw_offload_flows{kind="proven"} 47
sgfw_offload_packets_total 50
sgfw_offload_refused_total 49
sgfw_policy_file_differs 1
sgfw_policy_generation 7
sgfw_policy_loaded_timestamp_seconds 2000
sgfw_policy_rules 5
sgfw_policy_stand_in 1
sgfw_policy_unconfirmed 1
sgfw_queue_drops_total{cause="malformed",queue="4270"} 16
sgfw_queue_drops_total{cause="panic",queue="4270"} 19
sgfw_queue_drops_total{cause="queue_full",queue="4270"} 23
sgfw_queue_drops_total{cause="socket_full",queue="4270"} 24
sgfw_queue_errors_total{cause="foreign_message",queue="4270"} 17
sgfw_queue_errors_total{cause="lost",queue="4270"} 21
sgfw_queue_errors_total{cause="overrun",queue="4270"} 20
sgfw_queue_errors_total{cause="verdict_refused",queue="4270"} 18
sgfw_queue_packets_total{queue="4270"} 15
sgfw_queue_waiting{queue="4270"} 22
sgfw_reloads_total{result="applied"} 1
sgfw_reloads_total{result="refused"} 2
sgfw_reloads_total{result="rolled_back"} 4
sgfw_reloads_total{result="unread"} 3
sgfw_start_time_seconds 1000.5
sgfw_table_packets_total{counter="queued"} 14
sgfw_table_repairs_total 13
sgfw_verdicts_total{direction="egress",reason="rule",verdict="accept"} 99
sgfw_verdicts_total{direction="ingress",reason="rule",verdict="accept"} 200
sgfw_verdicts_total{direction="none",reason="packet: truncated",verdict="drop"} 54
sgfw_verdicts_total{direction="none",reason="rule",verdict="accept"} 1
`

// gathered are the families of a document.
func gathered(t *testing.T, s *api.Status) []*dto.MetricFamily {
	t.Helper()
	list, err := Gather(s)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestGather: each number of a status document stands where the documentation says.
func TestGather(t *testing.T) {
	var b bytes.Buffer
	text := expfmt.NewFormat(expfmt.TypeTextPlain)
	if err := encode(&b, text, gathered(t, everything())); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	wanted := strings.SplitAfter(strings.TrimSuffix(want, "\n"), "\n")
	slices.Sort(wanted)
	if got, w := strings.Join(lines, ""), strings.Join(wanted, ""); strings.TrimSpace(got) !=
		strings.TrimSpace(w) {
		for _, l := range lines {
			if !strings.Contains(want, l) {
				t.Errorf("too much: %s", l)
			}
		}
		for _, l := range wanted {
			if !strings.Contains(b.String(), strings.TrimSpace(l)+"\n") {
				t.Errorf("missing: %s", l)
			}
		}
		t.Errorf("another order:\n%s", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if _, err := parser.TextToMetricFamilies(&b); err != nil {
		t.Errorf("Prometheus would not read it: %v", err)
	}
}

// TestFamiliesAreInGoodForm: names, types and texts are what Prometheus asks for, also where a
// status has nothing.
func TestFamiliesAreInGoodForm(t *testing.T) {
	for what, s := range map[string]*api.Status{"everything": everything(), "nothing": {}} {
		list := gathered(t, s)
		problems, err := promlint.NewWithMetricFamilies(list).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %+v, %v", what, problems, err)
		}
		if what == "everything" && len(list) != len(Families()) {
			t.Errorf("%d families have values, of %d", len(list), len(Families()))
		}
	}
}

// TestLabelsAreFew: no family has a label of which strangers choose the values.
func TestLabelsAreFew(t *testing.T) {
	known := []string{"version", "result", "state", "stream", "direction", "verdict", "reason",
		"counter", "kind", "device", "queue", "cause", "action"}
	for _, f := range Families() {
		for _, l := range f.Labels {
			if !slices.Contains(known, l) {
				t.Errorf("%s has the label %s", f.Name, l)
			}
		}
	}
}

// familyRow is a row of the table of families in docs/metrics.md.
var familyRow = regexp.MustCompile(
	"(?m)^\\| `(sgfw_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\| ([^|]+) \\|$")

// TestPageHasEachFamily: the documentation has a row for each family, as it is, and no other.
func TestPageHasEachFamily(t *testing.T) {
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string][]string)
	for _, m := range familyRow.FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = m[2:]
	}
	for _, f := range Families() {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		row := []string{f.Type, labels, f.Help}
		if !slices.Equal(rows[f.Name], row) {
			t.Errorf("docs/metrics.md: want the row\n| `%s` | %s |", f.Name, strings.Join(row, " | "))
		}
		delete(rows, f.Name)
	}
	for name := range maps.Keys(rows) {
		t.Errorf("docs/metrics.md has a row for %s, which is no family", name)
	}
}
