# As people wrote it for Terraform 0.11.
variable "cidrs" {
  type    = "list"
  default = ["10.0.0.0/8", "172.16.0.0/12"]
}

variable "create" {
  default = true
}

variable "ports" {
  type = "map"

  default = {
    web = "8080"
  }
}

resource "aws_security_group" "old" {
  count       = "${var.create}"
  name        = "old"
  description = "${format("%s", "Old style")}"
  vpc_id      = "${var.vpc_id}"

  tags {
    Name        = "old"
    Environment = "${var.environment}"
  }

  ingress {
    from_port   = "${var.ports["web"]}"
    to_port     = "${lookup(var.ports, "web")}"
    protocol    = "tcp"
    cidr_blocks = ["${var.cidrs}"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
