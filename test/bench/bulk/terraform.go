package bulk

import "fmt"

// reference is the ID of a group in a configuration of Terraform.
func reference(g int) string { return fmt.Sprintf("aws_security_group.service_%d.id", g) }

// terraformBlocks writes groups with a block for each rule.
func terraformBlocks(t *text, a Account) {
	for g, rules := range a.Groups {
		t.add("resource \"aws_security_group\" \"service_%d\" {\n  name        = %q\n"+
			"  description = \"Service %[1]d\"\n  vpc_id      = var.vpc_id\n", g, name(g))
		for i, r := range rules {
			t.add("\n  %s {\n    description = %q\n    from_port   = %d\n    to_port     = %d\n"+
				"    protocol    = %q\n", r.word("ingress", "egress"), r.description(i), r.From, r.To,
				r.Protocol)
			if r.Group >= 0 {
				t.add("    security_groups = [%s]\n", reference(r.Group))
			} else {
				t.add("    %s = [%q]\n", r.family("cidr_blocks", "ipv6_cidr_blocks"), r.CIDR)
			}
			t.add("  }\n")
		}
		t.add("}\n\n")
	}
	t.add("variable \"vpc_id\" {\n  type = string\n}\n")
}

// terraformGroup writes a group whose rules stand beside it.
func terraformGroup(t *text, g int) {
	t.add("resource \"aws_security_group\" \"service_%d\" {\n  name        = %q\n"+
		"  description = \"Service %[1]d\"\n}\n\n", g, name(g))
}

// terraformRules writes a resource for each rule.
func terraformRules(t *text, a Account) {
	for g, rules := range a.Groups {
		terraformGroup(t, g)
		for i, r := range rules {
			t.add("resource \"aws_vpc_security_group_%s_rule\" \"service_%d_%d\" {\n"+
				"  security_group_id = %s\n  description       = %q\n", r.word("ingress", "egress"), g, i,
				reference(g), r.description(i))
			if r.Group >= 0 {
				t.add("  referenced_security_group_id = %s\n", reference(r.Group))
			} else {
				t.add("  %s         = %q\n", r.family("cidr_ipv4", "cidr_ipv6"), r.CIDR)
			}
			t.add("  ip_protocol       = %q\n  from_port         = %d\n  to_port           = %d\n}\n\n",
				r.Protocol, r.From, r.To)
		}
	}
}

// terraformOldRules writes the older resource for each rule.
func terraformOldRules(t *text, a Account) {
	for g, rules := range a.Groups {
		terraformGroup(t, g)
		for i, r := range rules {
			t.add("resource \"aws_security_group_rule\" \"service_%d_%d\" {\n  type              = %q\n"+
				"  security_group_id = %s\n  description       = %q\n", g, i, r.word("ingress", "egress"),
				reference(g), r.description(i))
			if r.Group >= 0 {
				t.add("  source_security_group_id = %s\n", reference(r.Group))
			} else {
				t.add("  %s       = [%q]\n", r.family("cidr_blocks", "ipv6_cidr_blocks"), r.CIDR)
			}
			t.add("  protocol          = %q\n  from_port         = %d\n  to_port           = %d\n}\n\n",
				r.Protocol, r.From, r.To)
		}
	}
}

// state writes what terraform show -json prints of a state around its resources.
func state(t *text, resources func()) {
	t.add(`{"format_version":"1.0","terraform_version":"1.11.4","values":{"root_module":{` +
		`"resources":[`)
	resources()
	t.add("]}}}\n")
}

// resource writes what stands before the values of a resource.
func resource(t *text, kind, label string) {
	t.add(`{"address":"%s.%s","mode":"managed","type":%[1]q,"name":%[2]q,`+
		`"provider_name":"registry.terraform.io/hashicorp/aws","schema_version":1,"values":{`, kind,
		label)
}

// stateGroup writes a group without what its rules are, and without the end of its values.
func stateGroup(t *text, g int) {
	resource(t, "aws_security_group", fmt.Sprintf("service_%d", g))
	t.add(`"arn":"arn:aws:ec2:eu-central-1:123456789012:security-group/%s",`+
		`"description":"Service %d","id":%[1]q,"name":%[3]q,"name_prefix":"",`+
		`"owner_id":"123456789012","revoke_rules_on_delete":false,"tags":null,"tags_all":{},`+
		`"timeouts":null,"vpc_id":"vpc-0123456789abcdef0"`, groupID(g), g, name(g))
}

// stateBlocks writes groups that have all their rules in them.
func stateBlocks(t *text, a Account) {
	state(t, func() {
		for g, rules := range a.Groups {
			t.add("%s", comma(g))
			stateGroup(t, g)
			for d, way := range split(rules) {
				t.add(`,%q:[`, directions[d])
				for i, r := range way {
					four, six, groups := "", "", ""
					switch {
					case r.Group >= 0:
						groups = fmt.Sprintf("%q", groupID(r.Group))
					case r.CIDR.Addr().Is4():
						four = fmt.Sprintf("%q", r.CIDR)
					default:
						six = fmt.Sprintf("%q", r.CIDR)
					}
					t.add(`%s{"cidr_blocks":[%s],"description":%q,"from_port":%d,"ipv6_cidr_blocks":[%s],`+
						`"prefix_list_ids":[],"protocol":%q,"security_groups":[%s],"self":false,"to_port":%d}`,
						comma(i), four, r.description(r.i), r.From, six, r.Protocol, groups, r.To)
				}
				t.add("]")
			}
			t.add(`},"sensitive_values":{}}`)
		}
	})
}

// stateRules writes a resource for each rule.
func stateRules(t *text, a Account) {
	state(t, func() {
		for g, rules := range a.Groups {
			t.add("%s", comma(g))
			stateGroup(t, g)
			t.add(`,"ingress":[],"egress":[]},"sensitive_values":{}}`)
			for i, r := range rules {
				four, six, group := "null", "null", "null"
				switch {
				case r.Group >= 0:
					group = fmt.Sprintf("%q", groupID(r.Group))
				case r.CIDR.Addr().Is4():
					four = fmt.Sprintf("%q", r.CIDR)
				default:
					six = fmt.Sprintf("%q", r.CIDR)
				}
				id := fmt.Sprintf("sgr-%017x", g*1000+i)
				t.add(",")
				resource(t, "aws_vpc_security_group_"+r.word("ingress", "egress")+"_rule",
					fmt.Sprintf("service_%d_%d", g, i))
				t.add(`"arn":"arn:aws:ec2:eu-central-1:123456789012:security-group-rule/%s","cidr_ipv4":%s,`+
					`"cidr_ipv6":%s,"description":%q,"from_port":%d,"id":%[1]q,"ip_protocol":%[6]q,`+
					`"prefix_list_id":null,"referenced_security_group_id":%s,"security_group_id":%q,`+
					`"security_group_rule_id":%[1]q,"tags":null,"tags_all":{},"to_port":%[9]d},`+
					`"sensitive_values":{"tags_all":{}}}`, id, four, six, r.description(i), r.From, r.Protocol,
					group, groupID(g), r.To)
			}
		}
	})
}
