# A game server: a block of ports for each of some servers.
variable "servers" {
  default = 3
}

locals {
  first = 27015
}

resource "aws_security_group" "game" {
  name = "game-${terraform.workspace}"
}

resource "aws_vpc_security_group_ingress_rule" "game" {
  count             = var.servers
  security_group_id = aws_security_group.game.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "udp"
  from_port         = local.first + count.index * 10
  to_port           = local.first + count.index * 10 + 4
  description       = format("server %02d", count.index + 1)
}

resource "aws_vpc_security_group_ingress_rule" "rcon" {
  security_group_id = aws_security_group.game.id
  cidr_ipv4         = format("%s/32", cidrhost("192.0.2.0/24", 9))
  ip_protocol       = "tcp"
  from_port         = max(27015, 27020)
  to_port           = min(27030, 27020)
}
