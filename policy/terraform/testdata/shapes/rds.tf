# PostgreSQL that several networks may ask, with the list made of variables.
variable "allowed" {
  type = list(object({
    cidr        = string
    description = optional(string, "application")
  }))
  default = [
    { cidr = "10.1.0.0/16" },
    { cidr = "10.2.0.0/16", description = "reporting" },
  ]
}

variable "port" {
  type    = number
  default = 5432
}

resource "aws_security_group" "rds" {
  name_prefix = "rds-"
  description = "PostgreSQL"

  dynamic "ingress" {
    for_each = var.allowed
    content {
      description = ingress.value.description
      from_port   = var.port
      to_port     = var.port
      protocol    = "tcp"
      cidr_blocks = [ingress.value.cidr]
    }
  }
}
