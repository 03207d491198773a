# Telephony: SIP from providers, voice from anybody.
locals {
  providers = {
    north = ["198.51.100.16/30", "198.51.100.32/30"]
    south = ["203.0.113.64/29"]
  }
}

resource "aws_security_group" "pbx" {
  name        = "pbx"
  description = "SIP and RTP"

  dynamic "ingress" {
    for_each = local.providers
    iterator = provider
    content {
      description = "SIP of ${provider.key}"
      from_port   = 5060
      to_port     = 5061
      protocol    = "udp"
      cidr_blocks = provider.value
    }
  }

  ingress {
    description = "RTP"
    from_port   = 10000
    to_port     = 20000
    protocol    = "udp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 65535
    protocol    = "udp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
