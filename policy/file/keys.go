package file

import (
	"slices"
	"strings"

	"sgfw/policy"
)

// The keys of each part, in the order in which the documentation shows them.
var (
	policyKeys    = keysOf("")
	listKeys      = keysOf("prefix_lists[]")
	entryKeys     = keysOf("prefix_lists[].entries[]")
	groupKeys     = keysOf("security_groups[]")
	ruleKeys      = keysOf(rulePath)
	cidrPeerKeys  = keysOf(cidrPeerPath)
	namedPeerKeys = keysOf(namedPeerPath)
	aclKeys       = keysOf(aclPath)
	aclRuleKeys   = keysOf(aclRulePath)
	defaultKeys   = keysOf("default_security_group")
	interfaceKeys = keysOf("interfaces[]")
	trackingKeys  = keysOf("interfaces[].connection_tracking")
	peerKeys      = keysOf("peers[]")
	quotasKeys    = keysOf("quotas")
	settingsKeys  = keysOf("settings")
	failsafeKeys  = keysOf("settings.failsafe")
	failureKeys   = keysOf("settings.on_failure")
	queuesKeys    = keysOf("settings.queues")
	offloadKeys   = keysOf("settings.offload")
	metricsKeys   = keysOf("settings.metrics")
	flowLogKeys   = keysOf("settings.flow_log")
)

// partLists are the keys of lists whose items are parts, not text. The groups of
// the policy are not among them: a rule has a list of names by the same key.
var partLists = []string{"entries", "ingress", "egress", "interfaces", "peers"}

// otherNames are what other tools call the same things.
var otherNames = map[string]string{
	"cidr": "cidr_blocks", "cidrs": "cidr_blocks", "cidr_ip": "cidr_blocks",
	"cidr_ipv4": "cidr_blocks", "ip_ranges": "cidr_blocks",
	"source": "cidr_blocks", "destination": "cidr_blocks", "from": "cidr_blocks", "to": "cidr_blocks",
	"cidr_ipv6": "ipv6_cidr_blocks", "ipv6_ranges": "ipv6_cidr_blocks",
	"prefix_list_id": "prefix_lists", "prefix_list_ids": "prefix_lists",
	"source_security_group_id": "security_groups", "referenced_security_group_id": "security_groups",
	"groups": "security_groups", "vpc_security_group_ids": "security_groups", "sg": "security_groups",
	"ip_protocol": "protocol", "proto": "protocol",
	"port": "ports", "port_range": "ports", "dport": "ports",
	"type": "from_port", "icmp_type": "from_port", "code": "to_port", "icmp_code": "to_port",
	"inbound": "ingress", "outbound": "egress", "inbound_rules": "ingress", "outbound_rules": "egress",
	"comment": "description", "group_name": "name", "group_description": "description",
	"interface": "device", "ifname": "device", "remotes": "peers",
	"aws_default_security_group": "default_security_group", "default": "default_security_group",
	"default_group": "default_security_group",
	"cidrip":        "cidr", "cidripv6": "cidr", "group": "name", "prefix_list": "name",
}

// formerKeys are the names that keys had before. They go on working, with a notice.
var formerKeys = map[string]string{"life_lines": "failsafe"}

// neverKeys are what security groups do not have, and why.
var neverKeys = map[string]string{
	"action": allowOnly, "effect": allowOnly, "allow": allowOnly, "deny": allowOnly,
	"policy": allowOnly, "verdict": allowOnly, "target": allowOnly,
	"priority": noOrder, "order": noOrder, "rule_number": noOrder, "weight": noOrder,
	"source_port": noSourcePort, "source_ports": noSourcePort, "src_port": noSourcePort,
	"sport":                  noSourcePort,
	"revoke_rules_on_delete": ofTerraform, "id": ofTerraform, "arn": ofTerraform,
	"owner_id": ofTerraform, "tags_all": ofTerraform, "timeouts": ofTerraform, "region": ofTerraform,
	"count": ofTerraform, "for_each": ofTerraform, "lifecycle": ofTerraform, "depends_on": ofTerraform,
}

// otherACLNames are what keys of rules of a network ACL are called elsewhere, and what such
// rules do not have (N4).
var otherACLNames = map[string]string{
	"rule_number": "write rule_no", "number": "write rule_no", "priority": "write rule_no",
	"order": "write rule_no", "weight": "write rule_no",
	"rule_action": "write action", "effect": "write action", "policy": "write action",
	"verdict": "write action", "target": "write action",
	"allow": "write action: allow", "deny": "write action: deny",
	"egress":          "the rules of each direction are a list: ingress, egress",
	"security_groups": onlyCIDRs, "prefix_lists": onlyCIDRs, "self": onlyCIDRs,
	"icmp_type": "write from_port", "icmp_code": "write to_port",
}

// onlyCIDRs is why a rule of a network ACL has no other peers.
const onlyCIDRs = "a network ACL knows CIDRs alone, one for each rule"

// Why those keys are refused (R4, R6).
const (
	allowOnly    = "security groups only allow: leave it out, and what no rule allows is dropped"
	noOrder      = "rules have no order: any rule that allows is enough"
	noSourcePort = "ports are those of the destination; source ports cannot be filtered"
	ofTerraform  = "that is of Terraform, and nothing of a machine: leave it out"
)

// unknownKey reports a key that a part does not have. It returns the key that was misspelt,
// "" for none.
func (d *decoder) unknownKey(k *node, what string, known []string) (misspelt string) {
	if d.found.Full(policy.SeverityError) {
		return ""
	}
	name := strings.ToLower(k.Value)
	hint := "its keys are " + strings.Join(known, ", ")
	if why, ok := otherACLNames[name]; ok && slices.Contains(known, "rule_no") {
		hint = why // a network ACL has order, and denies
	} else if why, ok := neverKeys[name]; ok {
		hint = why
	} else if other := otherNames[name]; slices.Contains(known, other) {
		hint = "write " + other
	} else if near := policy.Suggest(k.Value, known); near != "" {
		hint, misspelt = "did you mean "+near+"?", near
	}
	d.errorAt(d.at(k), policy.UnknownParameter, hint, "%s has no key %s", what, short(k.Value))
	return misspelt
}
