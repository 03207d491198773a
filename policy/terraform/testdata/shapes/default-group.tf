# The default group of a network, emptied but for one rule.
resource "aws_vpc" "main" {
  cidr_block = "10.70.0.0/16"
}

resource "aws_default_security_group" "default" {
  vpc_id = aws_vpc.main.id

  ingress {
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["10.70.0.0/24"]
  }

  tags = {
    Name = "do not use"
  }
}

resource "aws_security_group" "app" {
  name   = "app"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "app" {
  type                     = "ingress"
  security_group_id        = aws_security_group.app.id
  source_security_group_id = aws_vpc.main.default_security_group_id
  protocol                 = "tcp"
  from_port                = 80
  to_port                  = 80
}
