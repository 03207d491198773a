// Package rules tests which packets the rules of security groups admit: protocols,
// ports, families, group references, ICMP errors, and what passes without a rule.
package rules
