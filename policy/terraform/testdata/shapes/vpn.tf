# IPsec and OpenVPN: protocols without ports too.
resource "aws_security_group" "vpn" {
  name        = "vpn"
  description = "VPN gateway"

  ingress {
    description = "IKE"
    from_port   = 500
    to_port     = 500
    protocol    = "udp"
    cidr_blocks = ["203.0.113.7/32", "203.0.113.8/32"]
  }

  ingress {
    description = "NAT traversal"
    from_port   = 4500
    to_port     = 4500
    protocol    = "17"
    cidr_blocks = ["203.0.113.7/32", "203.0.113.8/32"]
  }

  ingress {
    description = "ESP"
    from_port   = 0
    to_port     = 0
    protocol    = "50"
    cidr_blocks = ["203.0.113.7/32"]
  }

  ingress {
    description = "AH"
    from_port   = 0
    to_port     = 0
    protocol    = "51"
    cidr_blocks = ["203.0.113.7/32"]
  }

  ingress {
    description = "GRE"
    from_port   = 0
    to_port     = 0
    protocol    = "47"
    cidr_blocks = ["203.0.113.8/32"]
  }

  ingress {
    description      = "OpenVPN"
    from_port        = 1194
    to_port          = 1194
    protocol         = "udp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}
