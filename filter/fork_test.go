package filter

import (
	"maps"
	"testing"

	"sgfw/filter/match"
	"sgfw/policy"
	"sgfw/policy/member"
)

// TestFork: a fork knows the rules and devices by the same numbers, and what it compiles
// leaves nothing behind: neither numbers of rules and devices, nor a generation, nor what
// could be opened.
func TestFork(t *testing.T) {
	now := awsPolicy(rules(tcpRule(80, "0.0.0.0/0"), tcpRule(22, "192.0.2.0/24")), nil)
	then := awsPolicy(rules(tcpRule(443, "0.0.0.0/0"), tcpRule(22, "192.0.2.0/24")), rules(all4))
	then.Interfaces = append(then.Interfaces,
		policy.Interface{Device: "eth9", Groups: []string{"one"}})
	devices := append([]member.Link{{Name: "eth9", Index: 9}}, testLinks...)

	b := newBench(t, now)
	b.apply(awsPolicy(rules(tcpRule(25, "192.0.2.0/24")), nil)) // a rule that is gone
	b.apply(now)
	c := b.compiler
	before, ids, scopes := *c, maps.Clone(c.ids), maps.Clone(c.scopes.byKey)
	bindings := c.scopes.bindings
	fork := c.Fork()
	for range 2 {
		rs := fork.Compile(then, nil).WithLinks(devices)
		numbers := make(map[int]match.RuleNumber)
		for id := range match.RuleNumber(len(rs.rules)) {
			if r := rs.rules[id]; id != match.NoRule && !r.Gone {
				numbers[r.Rule.From] = id
			}
		}
		if was := c.order["one"][0][1]; numbers[22] != was {
			t.Errorf("the rule that stays is %d, was %d", numbers[22], was)
		}
		if old, ok := rs.Rule(numbers[443]); !ok || old.Rule.From != 443 {
			t.Errorf("the new rule: %+v", old)
		}
		if rs.Device("eth0").Scope != b.Ruleset().Device("eth0").Scope {
			t.Error("eth0 has other flows")
		}
		if a := rs.Device("eth9"); a == nil || a.Scope == 0 || rs.DeviceOf(a.Scope) != "eth9" {
			t.Errorf("eth9: %+v", a)
		}
	}
	if c.generation != before.generation || len(c.rules) != len(before.rules) ||
		!maps.Equal(c.ids, ids) || !maps.Equal(c.scopes.byKey, scopes) ||
		c.scopes.bindings != bindings {
		t.Errorf("the fork has changed its origin: %+v, was %+v", c, before)
	}
	// What comes next in the origin is not what the fork has.
	b.apply(awsPolicy(rules(tcpRule(8080, "0.0.0.0/0")), nil))
	if r := b.Ruleset().rules[len(before.rules)]; r.Rule.From != 8080 {
		t.Errorf("the next rule is %+v", r)
	}
}
