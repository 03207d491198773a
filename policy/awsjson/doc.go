// Package awsjson is security groups as the AWS CLI prints them, in JSON or YAML: what
// describe-security-groups, describe-security-group-rules, describe-managed-prefix-lists,
// describe-prefix-lists, get-managed-prefix-list-entries, describe-network-interfaces and
// describe-instances answer, in any order and any number, becomes one policy.
package awsjson
