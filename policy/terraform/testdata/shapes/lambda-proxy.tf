# Functions that ask a database through a proxy: groups made by a map of objects.
variable "tiers" {
  type = map(object({
    port  = number
    from  = optional(list(string), [])
    cidrs = optional(list(string), [])
  }))
  default = {
    lambda = { port = 0 }
    proxy  = { port = 5432, from = ["lambda"] }
    db     = { port = 5432, from = ["proxy"], cidrs = ["10.120.9.0/24"] }
  }
}

resource "aws_security_group" "tier" {
  for_each    = var.tiers
  name        = "tier-${each.key}"
  description = "Tier ${each.key}"
}

locals {
  links = merge([
    for name, t in var.tiers : {
      for f in t.from : "${f}>${name}" => { to = name, from = f, port = t.port }
    }
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "link" {
  for_each                     = local.links
  security_group_id            = aws_security_group.tier[each.value.to].id
  referenced_security_group_id = aws_security_group.tier[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "link" {
  for_each                     = local.links
  security_group_id            = aws_security_group.tier[each.value.from].id
  referenced_security_group_id = aws_security_group.tier[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_security_group_rule" "admins" {
  type              = "ingress"
  security_group_id = aws_security_group.tier["db"].id
  cidr_blocks       = var.tiers["db"].cidrs
  protocol          = "tcp"
  from_port         = 5432
  to_port           = 5432
}
