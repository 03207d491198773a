package filter

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy"
)

// Identity names a rule, a device, a shared scope or a counter in the same way in every
// process: it is made of what makes it what it is, and of no number. 0 is none.
type Identity uint64

// identity is made of words; no other words make the same.
func identity(words ...string) Identity {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return max(1, Identity(binary.LittleEndian.Uint64(sum[:])))
}

// identity is that of what has flows of its own.
func (k scopeKey) identity() Identity {
	return identity("scope", k.device, k.shared, k.inward.String())
}

// identityOfRule is made of a rule's group, direction and ID (R3).
func identityOfRule(r *RuleInfo) Identity {
	id := r.Rule.ID()
	cidr := ""
	if id.Kind == policy.PeerCIDR {
		cidr = id.CIDR.String()
	}
	if r.ACL != "" {
		return identity("acl", r.ACL, r.Direction.String(), fmt.Sprint(r.Number), r.Action.String(),
			id.Protocol.String(), fmt.Sprint(id.From), fmt.Sprint(id.To), cidr)
	}
	return identity("rule", r.Group, r.Direction.String(), id.Protocol.String(),
		fmt.Sprint(id.From), fmt.Sprint(id.To), fmt.Sprint(uint8(id.Kind)), cidr, id.Name)
}

// Identities are those of one ruleset. It is for one goroutine.
type Identities struct {
	rs     *Ruleset
	rules  []Identity
	byRule map[Identity]uint32
	scopes map[conntrack.Scope]Identity
}

// Identities returns the identities of the ruleset; earlier are those of another ruleset of
// the same Compiler, or nil: rules that are the same are not looked at again.
func (rs *Ruleset) Identities(earlier *Identities) *Identities {
	x := &Identities{rs: rs, scopes: make(map[conntrack.Scope]Identity)}
	if earlier != nil && earlier.rs.generation == rs.generation {
		x.rules, x.byRule = earlier.rules, earlier.byRule
		return x
	}
	x.rules, x.byRule = make([]Identity, len(rs.rules)), make(map[Identity]uint32, len(rs.rules))
	for i := 1; i < len(rs.rules); i++ {
		if r := &rs.rules[i]; r.Group+r.ACL != "" {
			x.rules[i] = identityOfRule(r)
			x.byRule[x.rules[i]] = uint32(i)
		}
	}
	return x
}

// Of reports whether the identities are those of rs as it is bound now.
func (x *Identities) Of(rs *Ruleset) bool { return x.rs == rs }

// Scope returns the identity of what has a scope, 0 for one that is free.
func (x *Identities) Scope(n conntrack.Scope) Identity {
	id, ok := x.scopes[n]
	if !ok {
		if k := x.rs.scopes.key(n); k != (scopeKey{}) {
			id = k.identity()
		}
		x.scopes[n] = id
	}
	return id
}

// Rule returns the identity of a rule, 0 for none.
func (x *Identities) Rule(n match.RuleNumber) Identity {
	if int(n) >= len(x.rules) {
		return 0
	}
	return x.rules[n]
}

// Attached returns the scopes of the devices that exist and are managed, by identity.
func (x *Identities) Attached() map[Identity]conntrack.Scope {
	out := make(map[Identity]conntrack.Scope)
	for _, a := range x.rs.Attachments() {
		out[a.key().identity()] = a.Scope
	}
	return out
}

// FindRule returns the rule that has an identity, NoRule for none.
func (x *Identities) FindRule(id Identity) match.RuleNumber {
	return match.RuleNumber(x.byRule[id])
}
