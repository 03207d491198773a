# Groups of other accounts and IDs that are written down.
resource "aws_security_group" "shared" {
  name        = "shared-services"
  description = "For peered networks"

  ingress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    security_groups = ["123456789012/sg-0a1b2c3d4e5f60718", "sg-00112233445566778"]
    cidr_blocks     = ["10.80.0.0/16"]
  }

  egress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = ["pl-63a5400a"]
  }
}

resource "aws_security_group_rule" "elsewhere" {
  type              = "ingress"
  security_group_id = "sg-0fedcba9876543210"
  protocol          = "tcp"
  from_port         = 8080
  to_port           = 8080
  cidr_blocks       = ["10.80.1.0/24"]
}
