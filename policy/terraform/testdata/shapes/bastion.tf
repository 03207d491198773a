# A jump host for the offices, and what it may reach.
variable "offices" {
  type = map(string)
  default = {
    berlin = "198.51.100.0/24"
    lisbon = "203.0.113.16/28"
  }
}

resource "aws_security_group" "bastion" {
  name        = "bastion"
  description = "SSH from the offices"
}

resource "aws_vpc_security_group_ingress_rule" "office" {
  for_each          = var.offices
  security_group_id = aws_security_group.bastion.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  description       = title(each.key)
  tags              = { office = each.key }
}

resource "aws_security_group_rule" "bastion_out" {
  count             = length(local.inside)
  type              = "egress"
  security_group_id = aws_security_group.bastion.id
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = [local.inside[count.index]]
}

locals {
  inside = [for i in range(2) : cidrsubnet("10.0.0.0/16", 8, i * 10)]
}

resource "aws_security_group" "private" {
  name = "behind-bastion"

  ingress {
    description     = "SSH from the bastion"
    from_port       = 22
    to_port         = 22
    protocol        = "TCP"
    security_groups = [aws_security_group.bastion.id]
  }
}
