# Groups that let themselves and each other in, by blocks and by rules.
resource "aws_security_group" "a" {
  name = "cycle-a"

  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }

  ingress {
    from_port   = 7
    to_port     = 7
    protocol    = "tcp"
    cidr_blocks = ["192.0.2.0/24"]
  }
}

resource "aws_security_group" "b" {
  name = "cycle-b"
}

resource "aws_security_group_rule" "a_from_b" {
  type                     = "ingress"
  security_group_id        = aws_security_group.a.id
  source_security_group_id = aws_security_group.b.id
  protocol                 = "tcp"
  from_port                = 1000
  to_port                  = 1999
}

resource "aws_security_group_rule" "b_from_a" {
  type                     = "ingress"
  security_group_id        = aws_security_group.b.id
  source_security_group_id = aws_security_group.a.id
  protocol                 = "udp"
  from_port                = 1000
  to_port                  = 1999
}
