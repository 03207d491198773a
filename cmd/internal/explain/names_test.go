package explain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
)

// crowdIDs are those of the machine that the crowd is on.
var crowdIDs = policy.IDs{Seed: [32]byte{7}}

// ruleIDOf is the ID of the crowd's rule with some text.
func ruleIDOf(t *testing.T, c crowd, text string) string {
	t.Helper()
	for _, info := range c.rs.Rules() {
		if info.Rule.String() == text {
			return ruleID(crowdIDs, &info)
		}
	}
	t.Fatalf("no rule %q", text)
	return ""
}

// TestSelectByID: flows are selected by the IDs of groups, rules and interfaces as
// by their names, also by those of a rule that is gone.
func TestSelectByID(t *testing.T) {
	parity.Proves(t, "R7")
	c := newCrowd(t)
	for _, tc := range []struct {
		q    api.FlowQuery
		want []string
	}{
		{api.FlowQuery{Group: crowdIDs.Group("a/b")}, []string{"icmp", "out", "tcp4", "tcp6", "udp"}},
		{api.FlowQuery{Group: "default"}, nil},
		{api.FlowQuery{Group: crowdIDs.Group("default")}, nil},
		{api.FlowQuery{Interface: crowdIDs.Interface("eth1")}, []string{"out", "tcp6"}},
		{api.FlowQuery{Rule: ruleIDOf(t, c, "tcp 443 0.0.0.0/0")}, []string{"tcp4"}},
		{api.FlowQuery{Rule: ruleIDOf(t, c, "udp 53 0.0.0.0/0")}, []string{"udp"}},
		{api.FlowQuery{Rule: crowdIDs.Group("a/b") + "/ingress/1"}, []string{"icmp"}},
	} {
		if got := c.names(t, tc.q); !slices.Equal(got, tc.want) {
			t.Errorf("%+v selects %v, want %v", tc.q, got, tc.want)
		}
	}
}

// TestUnknownInterface: a list of nothing would look as if nothing happened there.
func TestUnknownInterface(t *testing.T) {
	c := newCrowd(t)
	for name, hint := range map[string]string{
		"eth7":     "",             // a pattern of the policy covers it
		"et0":      "eth0?",        // misspelt
		"eni-eth1": "it has eth*,", // a device may be called so
		"scope:x":  "it has eth*,",
	} {
		_, err := Select(api.FlowQuery{Interface: name}, c.rs)
		if hint == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, ErrQuestion) || !strings.Contains(err.Error(), "no interface "+name) ||
			!strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v, want a hint %q", name, err, hint)
		}
	}
}

// TestUnknownIDs: AWS's codes for what has no such ID, or could not have it.
func TestUnknownIDs(t *testing.T) {
	parity.Proves(t, "R7", "R32")
	c := newCrowd(t)
	other := policy.IDs{Seed: [32]byte{8}}
	for _, tc := range []struct {
		q    api.FlowQuery
		code policy.Code
		hint string
	}{
		{api.FlowQuery{Group: "nope"}, policy.GroupNotFound, ""},
		{api.FlowQuery{Group: "A/B"}, policy.GroupNotFound, "did you mean a/b?"},
		{api.FlowQuery{Group: other.Group("a/b")}, policy.GroupNotFound, ""},
		{api.FlowQuery{Group: "sg-a/b"}, policy.MalformedGroupID, "sg- and 17 digits of 0-9 and a-f"},
		{api.FlowQuery{Rule: "nope/ingress/0"}, policy.GroupNotFound, ""},
		{api.FlowQuery{Rule: crowdIDs.Rule("a/b", policy.Ingress, policy.RuleID{})}, policy.RuleNotFound,
			""},
		{api.FlowQuery{Rule: "sgr-0"}, policy.MalformedRuleID, "sgr- and 17 digits of 0-9 and a-f"},
		{api.FlowQuery{Interface: other.Interface("eth0")}, policy.InterfaceNotFound, ""},
		{api.FlowQuery{Interface: "eni-0123456789abcdefg"}, policy.MalformedInterfaceID,
			"eni- and 17 digits of 0-9 and a-f"},
	} {
		_, err := Select(tc.q, c.rs)
		problem, _ := errors.AsType[policy.Problem](err)
		if !errors.Is(err, ErrQuestion) || problem.Code != tc.code || problem.Hint != tc.hint {
			t.Errorf("%+v: %v (%+v), want %s", tc.q, err, problem, tc.code)
		}
	}
}

// TestDocumentsHaveIDs: a flow names its interface, rule and group by ID.
func TestDocumentsHaveIDs(t *testing.T) {
	c := newCrowd(t)
	s, err := Select(api.FlowQuery{Protocol: "udp"}, c.rs)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	c.table.Range(0, func(f conntrack.FlowInfo) bool {
		if s.Has(&f) {
			found++
			doc := s.Flow(&f, 0)
			if doc.InterfaceID != crowdIDs.Interface("eth0") || doc.Rule.GroupID != crowdIDs.Group("a/b") ||
				doc.Rule.ID != ruleIDOf(t, c, "udp 53 0.0.0.0/0") {
				t.Errorf("%+v, rule %+v", doc, doc.Rule)
			}
		}
		return true
	})
	if found != 1 {
		t.Errorf("%d flows", found)
	}
}
