# A mail server for everybody, with a port for each protocol.
variable "mail_ports" {
  type    = list(number)
  default = [25, 465, 587, 993, 995]
}

resource "aws_security_group" "mail" {
  name        = "mail"
  description = "SMTP, submission, IMAP and POP"

  dynamic "ingress" {
    for_each = toset(var.mail_ports)
    iterator = port
    content {
      from_port        = port.value
      to_port          = port.value
      protocol         = "tcp"
      cidr_blocks      = ["0.0.0.0/0"]
      ipv6_cidr_blocks = ["::/0"]
    }
  }

  egress {
    description      = "SMTP to others, and DNS"
    from_port        = 25
    to_port          = 25
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }

  egress {
    from_port   = 53
    to_port     = 53
    protocol    = "udp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
