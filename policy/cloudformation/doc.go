// Package cloudformation reads the security groups of templates of AWS CloudFormation, in YAML or
// JSON, as a policy, and writes a policy as a template.
//
// Only what groups, rules, prefix lists and the addresses of members depend on is evaluated:
// parameters, mappings, conditions and functions elsewhere may be whatever they are.
package cloudformation
