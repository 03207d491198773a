# Networks that change, in lists that rules refer to.
variable "offices" {
  type = map(string)
  default = {
    "198.51.100.0/24" = "Berlin"
    "203.0.113.0/25"  = "Lisbon"
  }
}

resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = 10

  dynamic "entry" {
    for_each = var.offices
    content {
      cidr        = entry.key
      description = entry.value
    }
  }

  entry {
    cidr = "192.0.2.128/25"
  }

  tags = {
    Name = "offices"
  }
}

resource "aws_ec2_managed_prefix_list" "partners" {
  name           = "partners"
  address_family = "IPv6"
  max_entries    = 2
}

resource "aws_ec2_managed_prefix_list_entry" "partner" {
  prefix_list_id = aws_ec2_managed_prefix_list.partners.id
  cidr           = "2001:db8:77::/48"
  description    = "the first"
}

resource "aws_security_group" "intranet" {
  name = "intranet"
}

resource "aws_vpc_security_group_ingress_rule" "offices" {
  security_group_id = aws_security_group.intranet.id
  prefix_list_id    = aws_ec2_managed_prefix_list.offices.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group_rule" "partners" {
  type              = "ingress"
  security_group_id = aws_security_group.intranet.id
  prefix_list_ids   = [aws_ec2_managed_prefix_list.partners.id]
  protocol          = "tcp"
  from_port         = 8443
  to_port           = 8443
}
