package explain

import (
	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/filter/match"
	"sgfw/policy"
)

// parts describes the rules and devices of a ruleset, each once: many flows and
// verdicts share them, and IDs take their time.
type parts struct {
	of      *filter.Ruleset
	rules   map[match.RuleNumber]*api.RuleRef
	devices map[string]string
}

func newParts(rs *filter.Ruleset) parts {
	return parts{of: rs, rules: make(map[match.RuleNumber]*api.RuleRef),
		devices: make(map[string]string)}
}

// rule is the reference of a rule, nil for none. It is not to be changed.
func (p *parts) rule(id match.RuleNumber) *api.RuleRef {
	ref, ok := p.rules[id]
	if !ok {
		if info, there := p.of.Rule(id); there {
			ref = Rule(p.ids(), info)
		}
		p.rules[id] = ref
	}
	return ref
}

// interfaceID is the ID of a device, "" for none.
func (p *parts) interfaceID(device string) string {
	if device == "" {
		return ""
	}
	id, ok := p.devices[device]
	if !ok {
		id = p.ids().Interface(device)
		p.devices[device] = id
	}
	return id
}

func (p *parts) ids() policy.IDs { return p.of.Policy().IDs }
