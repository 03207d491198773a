# A network with nothing but IPv6.
resource "aws_security_group" "v6" {
  name        = "ipv6-only"
  description = "IPv6 only"

  ingress {
    from_port        = 443
    to_port          = 443
    protocol         = "tcp"
    ipv6_cidr_blocks = ["::/0"]
  }

  ingress {
    description      = "Ping and path MTU"
    from_port        = -1
    to_port          = -1
    protocol         = "icmpv6"
    ipv6_cidr_blocks = ["2001:db8::/32"]
  }

  ingress {
    description      = "Neighbours"
    from_port        = 135
    to_port          = 0
    protocol         = "58"
    ipv6_cidr_blocks = ["fe80::/10"]
  }

  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_vpc_security_group_ingress_rule" "subnet" {
  security_group_id = aws_security_group.v6.id
  cidr_ipv6         = cidrsubnet("2001:db8:1200::/40", 16, 258)
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}
