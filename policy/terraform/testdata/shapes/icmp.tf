# Messages of ICMP by type and code.
resource "aws_security_group" "icmp" {
  name        = "icmp-types"
  description = "What a host should hear"
}

locals {
  icmp = {
    echo          = { type = 8, code = 0 }
    fragmentation = { type = 3, code = 4 }
    exceeded      = { type = 11, code = -1 }
  }
}

resource "aws_security_group_rule" "icmp" {
  for_each          = local.icmp
  type              = "ingress"
  security_group_id = aws_security_group.icmp.id
  protocol          = "icmp"
  from_port         = each.value.type
  to_port           = each.value.code
  cidr_blocks       = ["0.0.0.0/0"]
  description       = each.key
}

resource "aws_vpc_security_group_ingress_rule" "v6" {
  for_each          = { packet_too_big = 2, echo = 128 }
  security_group_id = aws_security_group.icmp.id
  ip_protocol       = "icmpv6"
  from_port         = each.value
  to_port           = each.key == "echo" ? 0 : -1
  cidr_ipv6         = "::/0"
}
