# An instance that private networks go out through.
variable "private_subnets" {
  default = ["10.5.1.0/24", "10.5.2.0/24"]
}

resource "aws_security_group" "nat" {
  name        = "nat-instance"
  description = "NAT"

  ingress {
    description = "everything from the private networks"
    from_port   = 0
    to_port     = 0
    protocol    = -1
    cidr_blocks = var.private_subnets
  }

  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "all"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_network_interface" "nat" {
  subnet_id         = "subnet-0123456789abcdef0"
  private_ips       = ["10.5.0.10"]
  security_groups   = [aws_security_group.nat.id]
  source_dest_check = false

  tags = {
    Name = "nat"
  }
}
