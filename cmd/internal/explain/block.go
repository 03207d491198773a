package explain

import (
	"fmt"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy"
)

// Components of a Block.
const (
	componentGroup     = "security_group"
	componentACL       = "network_acl"
	componentInterface = "interface"
	componentFlow      = "flow"
)

// blocks are the documents about what stops a packet and the answer to it.
func blocks(rs *filter.Ruleset, x *filter.Explanation) []api.Block {
	var out []api.Block
	for i := range x.Blocks {
		out = append(out, block(rs, x, &x.Blocks[i]))
	}
	return out
}

func block(rs *filter.Ruleset, x *filter.Explanation, b *filter.Block) api.Block {
	doc := api.Block{Code: string(b.Code), Reason: b.Reason.String(),
		Direction: b.Direction.String(), Return: b.Return, Component: componentFlow}
	whose := "it"
	if b.Return {
		whose = "the answer"
	}
	switch b.Code {
	case filter.CodeSubnetACL:
		doc.Component, doc.NetworkACL = componentACL, b.Rule.ACL
		doc.ACLRule = Rule(rs.Policy().IDs, *b.Rule)
		doc.Detail = denies(b.Rule, whose)
	case filter.CodeSourceDestCheck:
		doc.Component = componentInterface
		doc.Detail = detail(*x)
	case filter.CodeNoRules, filter.CodeRulesMismatch:
		doc.Component = componentGroup
		for _, g := range x.Groups {
			doc.Groups = append(doc.Groups, g.Name)
		}
		doc.Detail = fmt.Sprintf("no %s rule of any attached group permits %s", b.Direction, whose)
		if b.Code == filter.CodeNoRules {
			doc.Detail = fmt.Sprintf("no attached group has any %s rule", b.Direction)
		}
		if b.Reason == x.Verdict.Reason && !b.Return {
			doc.Detail = detail(*x)
		}
	default:
		doc.Detail = detail(*x)
	}
	return doc
}

// denies says which rule of a network ACL denies what.
func denies(rule *filter.RuleInfo, what string) string {
	if rule.Number <= policy.MaxACLNumber {
		return fmt.Sprintf("%s rule %d of network ACL %s denies %s", rule.Direction, rule.Number,
			rule.ACL, what)
	}
	return fmt.Sprintf("no %s rule of network ACL %s allows %s", rule.Direction, rule.ACL, what)
}
