# All groups of a company in one variable, which one module-less file turns into resources.
variable "groups" {
  type = any
  default = {
    frontend = {
      description = "Frontends"
      ingress = [
        { port = 443, protocol = "tcp", cidr = ["0.0.0.0/0"] },
        { port = 80, protocol = "tcp", cidr = ["0.0.0.0/0"] },
      ]
      egress = [{ port = 0, protocol = "-1", cidr = ["0.0.0.0/0"] }]
    }
    backend = {
      description = "Backends"
      ingress = [
        { port = 9000, protocol = "tcp", cidr = ["10.130.0.0/16", "10.131.0.0/16"] },
        { port = 9000, protocol = "udp", cidr = ["10.130.0.0/16"] },
      ]
      egress = []
    }
  }
}

resource "aws_security_group" "all" {
  for_each    = var.groups
  name        = "co-${each.key}"
  description = each.value.description

  ingress = [for r in each.value.ingress : {
    description      = null
    from_port        = r.port
    to_port          = r.port
    protocol         = r.protocol
    cidr_blocks      = r.cidr
    ipv6_cidr_blocks = null
    prefix_list_ids  = null
    security_groups  = null
    self             = null
  }]

  egress = [for r in each.value.egress : {
    description      = null
    from_port        = r.port
    to_port          = r.port
    protocol         = r.protocol
    cidr_blocks      = r.cidr
    ipv6_cidr_blocks = null
    prefix_list_ids  = null
    security_groups  = null
    self             = null
  }]
}
