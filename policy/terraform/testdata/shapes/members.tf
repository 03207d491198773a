# Machines whose addresses are chosen are members of their groups.
resource "aws_security_group" "cache" {
  name = "cache"

  ingress {
    from_port = 11211
    to_port   = 11211
    protocol  = "tcp"
    self      = true
  }
}

resource "aws_security_group" "monitoring" {
  name = "monitoring"
}

resource "aws_security_group_rule" "monitoring" {
  type                     = "ingress"
  security_group_id        = aws_security_group.cache.id
  source_security_group_id = aws_security_group.monitoring.id
  protocol                 = "tcp"
  from_port                = 9100
  to_port                  = 9100
}

resource "aws_instance" "cache" {
  count                  = 2
  ami                    = "ami-12345678"
  instance_type          = "t3.micro"
  private_ip             = cidrhost("10.99.0.0/24", 10 + count.index)
  vpc_security_group_ids = [aws_security_group.cache.id]

  tags = {
    Name = "cache-${count.index}"
  }
}

resource "aws_instance" "floating" {
  ami                    = "ami-12345678"
  instance_type          = "t3.micro"
  vpc_security_group_ids = [aws_security_group.cache.id]
}

resource "aws_network_interface" "monitor" {
  subnet_id       = "subnet-0123456789abcdef0"
  private_ips     = ["10.99.0.99"]
  security_groups = []
}

resource "aws_network_interface_sg_attachment" "monitor" {
  security_group_id    = aws_security_group.monitoring.id
  network_interface_id = aws_network_interface.monitor.id
}
