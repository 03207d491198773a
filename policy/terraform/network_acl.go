package terraform

import (
	"strings"

	"sgfw/policy"
)

// ofNetworkACL reports whether a type of resource is a network ACL or a part of one.
func ofNetworkACL(typ string) bool {
	return typ == "aws_default_network_acl" || strings.HasPrefix(typ, "aws_network_acl")
}

// acl notes a resource of a network ACL, which is not read. Each place counts once.
func (e *evaluator) acl(pos policy.Pos, address string) {
	if key := "network ACL " + pos.String(); !e.noticed[key] {
		e.noticed[key] = true
		if e.acls++; e.acls == 1 {
			e.firstACL, e.firstACLPos = address, pos
		}
	}
}

// untoldACLs says that network ACLs are left out: many a configuration gives them to subnets,
// and what a subnet is here nobody says.
func (e *evaluator) untoldACLs() {
	const hint = "sgfw import reads the answer of aws ec2 describe-network-acls, too"
	switch e.acls {
	case 0:
	case 1:
		e.Lost(e.firstACLPos, hint, "the network ACL %s is left out", e.firstACL)
	default:
		e.Lost(e.firstACLPos, hint, "%d resources of network ACLs are left out, from %s on", e.acls,
			e.firstACL)
	}
}
