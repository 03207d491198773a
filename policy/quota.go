package policy

import (
	"fmt"
	"math"
)

// Quotas are AWS's limits on how much a policy may hold. All are adjustable
// there and here (Q9); [DefaultQuotas] are what a new account has. The zero value
// is refused: a policy without quotas of its own has the defaults.
type Quotas struct {
	// RulesPerGroup holds for each of four counters of a group: direction by
	// family (Q1, Q2).
	RulesPerGroup int
	// GroupsPerInterface is at most 16 in AWS (Q6).
	GroupsPerInterface int
	// Groups is how many groups there may be (Q7).
	Groups int
	// PrefixLists and PrefixListEntries bound the lists and the size of each (R26).
	PrefixLists, PrefixListEntries int
	// NetworkACLs is how many network ACLs there may be; RulesPerNetworkACL holds for each
	// direction and family and counts the rule `*` (N10).
	NetworkACLs, RulesPerNetworkACL int
}

// DefaultQuotas are AWS's defaults.
var DefaultQuotas = Quotas{
	RulesPerGroup:      60,
	GroupsPerInterface: 5,
	Groups:             2500,
	PrefixLists:        100,
	PrefixListEntries:  1000,
	NetworkACLs:        200,
	RulesPerNetworkACL: 20,
}

const (
	// MaxGroupsPerInterface is as far as AWS raises GroupsPerInterface (Q6).
	MaxGroupsPerInterface = 16
	// MaxRulesPerInterface bounds RulesPerGroup × GroupsPerInterface: raising one
	// lowers the ceiling of the other (Q6).
	MaxRulesPerInterface = 1000
	// MaxRulesPerNetworkACL is as far as AWS raises RulesPerNetworkACL (N10).
	MaxRulesPerNetworkACL = 40
)

// unlimited replaces quotas that AWS would not grant, so that a mistake there causes no
// further problems.
var unlimited = Quotas{math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt,
	math.MaxInt, math.MaxInt}

// quotaKeys are the quotas by their key under `quotas:`, with the ceiling of
// each; 0 is none.
var quotaKeys = []struct {
	key     string
	get     func(*Quotas) *int
	ceiling int
}{
	{"rules_per_security_group", func(q *Quotas) *int { return &q.RulesPerGroup },
		MaxRulesPerInterface},
	{"security_groups_per_interface", func(q *Quotas) *int { return &q.GroupsPerInterface },
		MaxGroupsPerInterface},
	{"security_groups", func(q *Quotas) *int { return &q.Groups }, 0},
	{"prefix_lists", func(q *Quotas) *int { return &q.PrefixLists }, 0},
	{"prefix_list_entries", func(q *Quotas) *int { return &q.PrefixListEntries }, 0},
	{"network_acls", func(q *Quotas) *int { return &q.NetworkACLs }, 0},
	{"rules_per_network_acl", func(q *Quotas) *int { return &q.RulesPerNetworkACL },
		MaxRulesPerNetworkACL},
}

// QuotaKeys are the keys under `quotas:`, in the order in which outputs show them.
func QuotaKeys() []string {
	out := make([]string, len(quotaKeys))
	for i, k := range quotaKeys {
		out[i] = k.key
	}
	return out
}

// QuotaCeiling is as far as AWS raises the quota of a key; 0 if there is no limit or no
// such key.
func QuotaCeiling(key string) int {
	for _, k := range quotaKeys {
		if k.key == key {
			return k.ceiling
		}
	}
	return 0
}

// Field returns the quota of a key of the policy file, nil when there is no such
// key.
func (q *Quotas) Field(key string) *int {
	for _, k := range quotaKeys {
		if k.key == key {
			return k.get(q)
		}
	}
	return nil
}

// check reports quotas that AWS would not grant (Q6), and whether there are none.
func (q Quotas) check(report func(Problem)) bool {
	sound := true
	invalid := func(code Code, key, hint, format string, a ...any) {
		sound = false
		report(Problem{Field: "quotas." + key, Code: code, Message: fmt.Sprintf(format, a...),
			Hint: hint})
	}
	for _, k := range quotaKeys {
		switch n := *k.get(&q); {
		case n >= 1 && (k.ceiling == 0 || n <= k.ceiling):
		case k.ceiling == 0:
			invalid(InvalidParameterValue, k.key, "at least 1", "quotas.%s %d is out of range", k.key, n)
		default:
			invalid(InvalidParameterValue, k.key, fmt.Sprintf("1 to %d", k.ceiling),
				"quotas.%s %d is out of range", k.key, n)
		}
	}
	if sound && q.RulesPerGroup > MaxRulesPerInterface/q.GroupsPerInterface {
		invalid(InvalidParameterCombination, "rules_per_security_group",
			fmt.Sprintf("with %d groups on an interface at most %d rules in each; raising one quota "+
				"lowers the ceiling of the other",
				q.GroupsPerInterface, MaxRulesPerInterface/q.GroupsPerInterface),
			"%d rules in each of %d groups are more than the %d that AWS grants an interface",
			q.RulesPerGroup, q.GroupsPerInterface, MaxRulesPerInterface)
	}
	return sound
}
