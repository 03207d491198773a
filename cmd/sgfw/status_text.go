package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
	"sgfw/policy"
)

// used is how much of a quota is used.
func used(q api.QuotaStatus) string {
	return screen.Number(q.Used) + " of " + screen.Number(q.Quota)
}

// presetText names a preset and what departs from it.
func presetText(p *api.Preset) string {
	if len(p.Departures) == 0 {
		return p.Name
	}
	return p.Name + ", but for " + strings.Join(p.Departures, ", ")
}

// trackingText says which flows outlive their rules.
func trackingText(s api.Status) string {
	if s.Policy.Tracking == policy.TrackingAWS.String() {
		return "aws: flows that rules for everybody permit both ways are untracked and end with their " +
			"rule"
	}
	return s.Policy.Tracking + ": every flow outlives the rule that permitted it"
}

// queueRange is the first and the last number of consecutive queues.
func queueRange(q []api.QueueStatus) string {
	if len(q) == 0 {
		return "none"
	}
	first, last := q[0].Number, q[len(q)-1].Number
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// exemptionNames lists the exemptions of a kind that are in a state.
func exemptionNames(s api.Status, kind, state string) (names []string) {
	for _, x := range s.Exemptions {
		if x.Kind == kind && x.State == state {
			names = append(names, x.Name)
		}
	}
	return names
}

// packetsText is a count that may not be known.
func packetsText(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}

// exemptionText says what passes by an exemption, and where.
func exemptionText(x api.Exemption) string {
	var parts []string
	if x.In != "" {
		parts = append(parts, "in "+x.In)
	}
	if x.Out != "" {
		parts = append(parts, "out "+x.Out)
	}
	if x.Kind == api.KindService {
		parts = append(parts, orNone(strings.Join(x.Addresses, " ")))
	}
	return strings.Join(parts, "; ")
}

// interferenceText is one line about another program.
func interferenceText(n api.Interference) string {
	by := "nobody known"
	if n.PID != 0 {
		by = fmt.Sprintf("PID %d", n.PID)
		if n.Process != "" {
			by += fmt.Sprintf(" (%s)", n.Process)
		}
		if n.Port != 0 {
			by += fmt.Sprintf(", netlink port %d", n.Port)
		}
	}
	text := fmt.Sprintf("%s: %s, by %s", n.Last.Local().Format(time.DateTime), n.What, by)
	if n.Count > 1 {
		text += fmt.Sprintf(", %d times", n.Count)
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
