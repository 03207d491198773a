package metrics

import (
	"strconv"

	"sgfw/cmd/internal/api"
)

// queueFamilies are about the queues between kernel and daemon.
var queueFamilies = []Family{
	counter("queue_packets_total", "Packets that came to the daemon.",
		ofQueues(func(q *api.QueueStatus, put putter) { put(float64(q.Packets)) }), "queue"),
	gauge("queue_waiting", "Packets that have no verdict yet.",
		ofQueues(func(q *api.QueueStatus, put putter) { put(float64(q.Waiting)) }), "queue"),
	counter("queue_drops_total", "Packets that were dropped because no verdict could be given, by "+
		"cause: queue_full, socket_full, malformed (the kernel's message) or panic.",
		ofQueues(func(q *api.QueueStatus, put putter) {
			put(float64(q.KernelDropped), "queue_full")
			put(float64(q.UserDropped), "socket_full")
			put(float64(q.Malformed), "malformed")
			put(float64(q.Panics), "panic")
		}), "queue", "cause"),
	counter("queue_errors_total", "What went wrong at a queue, by cause: overrun (messages of the "+
		"kernel were lost), verdict_refused, foreign_message, or lost (the queue was taken away).",
		ofQueues(func(q *api.QueueStatus, put putter) {
			put(float64(q.Overruns), "overrun")
			put(float64(q.VerdictErrors), "verdict_refused")
			put(float64(q.Foreign), "foreign_message")
			put(float64(q.Lost), "lost")
		}), "queue", "cause"),
	{Name: "batch_seconds", Type: "histogram", Labels: []string{"queue"},
		Help: "How long batches of packets took, from the end of the read until their verdicts " +
			"were written and counted.",
		spans: func(s *api.Status, put spanPutter) {
			for i := range s.Queues {
				put(s.Queues[i].Batches, number(s.Queues[i].Number))
			}
		}},
}

// ofQueues reads the values of each queue; its number is the first label.
func ofQueues(read func(*api.QueueStatus, putter)) func(*api.Status, putter) {
	return func(s *api.Status, put putter) {
		for i := range s.Queues {
			q := &s.Queues[i]
			read(q, func(value float64, labels ...string) {
				put(value, append([]string{number(q.Number)}, labels...)...)
			})
		}
	}
}

func number(queue uint16) string { return strconv.Itoa(int(queue)) }

// failureFamilies are about settings.on_failure.
var failureFamilies = []Family{
	gauge("failure_active", "1 while packets get no verdict, or flows no room, by cause (stuck, "+
		"overloaded or table_full), with what the policy says of that: drop or accept.",
		ofFailures(func(f *api.FailureStatus) float64 {
			if f.Active {
				return 1
			}
			return 0
		}), "cause", "action"),
	counter("failures_total", "How many times that began.",
		ofFailures(func(f *api.FailureStatus) float64 { return float64(f.Times) }), "cause", "action"),
	counter("failure_packets_total", "Packets that were dropped so, or have passed.",
		ofFailures(func(f *api.FailureStatus) float64 { return float64(f.Packets) }),
		"cause", "action"),
}

// ofFailures reads a value of each cause.
func ofFailures(value func(*api.FailureStatus) float64) func(*api.Status, putter) {
	return func(s *api.Status, put putter) {
		for i := range s.Failures {
			f := &s.Failures[i]
			put(value(f), f.Cause, f.Action)
		}
	}
}
