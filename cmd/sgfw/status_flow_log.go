package main

import (
	"fmt"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// flowLogFacts say what becomes of records of traffic.
func flowLogFacts(t *screen.Table, s api.Status) {
	l := s.FlowLog
	if l == nil {
		return
	}
	text := fmt.Sprintf("%s, %s: %s", l.Destination, l.TrafficType, count(l.Written, "record"))
	if l.File != "" {
		text += fmt.Sprintf(", %s bytes", screen.Number(l.Bytes))
	}
	t.Row("flow log", text)
	warn := func(text string) { t.Row("", screen.Cell{Style: screen.Warn, Text: text}) }
	if l.Failure != "" {
		warn("records are lost: " + l.Failure)
	}
	if l.Lost > 0 {
		warn(count(l.Lost, "record") + " lost, which are SKIPDATA")
	}
	if l.Unrecorded > 0 {
		warn(count(l.Unrecorded, "packet") + " in no record, which are SKIPDATA: too many flows at once")
	}
}
