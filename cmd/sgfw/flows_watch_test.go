package main

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// TestFittingFlows: flows that are not there whole are not counted, and the first are shown.
func TestFittingFlows(t *testing.T) {
	var flows []api.Flow
	for i := range 5 {
		flows = append(flows, api.Flow{Interface: "enp1s0-backup", Direction: "ingress", Protocol: "tcp",
			Local: "192.0.2.1:443", State: "established", Tracked: true,
			Remote: fmt.Sprintf("[2001:db8:ffff:ffff::%d]:50000", i)}) // two lines each
	}
	for _, tc := range []struct{ most, shown, lines int }{
		{20, 5, 11}, {11, 5, 11}, {10, 4, 9}, {8, 3, 7}, {3, 1, 3}, {2, 1, 2},
	} {
		text, shown, err := fittingFlows(screen.Screen{Width: 70}, api.FlowsHeader{}, flows, tc.most)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if err != nil || shown != tc.shown || len(lines) != tc.lines ||
			!strings.HasPrefix(lines[0], "DEVICE") || !strings.Contains(lines[1], "2001:db8:ffff") {
			t.Errorf("%d lines: %d flows in %d lines, %v, want %d in %d:\n%s", tc.most, shown, len(lines),
				err, tc.shown, tc.lines, text)
		}
	}
	if text, shown, err := fittingFlows(screen.Screen{Width: 70}, api.FlowsHeader{}, nil,
		5); err != nil || shown != 0 || text != "" {
		t.Errorf("no flows: %q, %d, %v", text, shown, err)
	}
}
