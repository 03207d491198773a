package main

import (
	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// metricsFacts say where metrics are to be had. Why they are not, the state says.
func metricsFacts(t *screen.Table, s api.Status) {
	switch m := s.Metrics; {
	case m == nil:
	case m.Failure != "":
		t.Row("metrics", screen.Cell{Style: screen.Bad, Text: "nobody can read them at " + m.Listen})
	case m.Listen[0] == '/':
		t.Row("metrics", "/metrics at the unix socket "+m.Listen)
	default:
		t.Row("metrics", "http://"+m.Listen+"/metrics")
	}
}
