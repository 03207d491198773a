# Domain controllers: many ports, TCP and UDP.
locals {
  domain = {
    dns       = { from = 53, protocols = ["tcp", "udp"] }
    kerberos  = { from = 88, protocols = ["tcp", "udp"] }
    ntp       = { from = 123, protocols = ["udp"] }
    rpc       = { from = 135, protocols = ["tcp"] }
    ldap      = { from = 389, protocols = ["tcp", "udp"] }
    smb       = { from = 445, protocols = ["tcp", "udp"] }
    password  = { from = 464, protocols = ["tcp", "udp"] }
    ldaps     = { from = 636, protocols = ["tcp"] }
    catalog   = { from = 3268, to = 3269, protocols = ["tcp"] }
    ephemeral = { from = 49152, to = 65535, protocols = ["tcp"] }
  }
  rules = flatten([
    for name, d in local.domain : [
      for p in d.protocols : {
        name = name
        from = d.from
        to   = lookup(d, "to", d.from)
        p    = p
      }
    ]
  ])
}

resource "aws_security_group" "dc" {
  name        = "domain-controllers"
  description = "Active Directory"

  dynamic "ingress" {
    for_each = local.rules
    content {
      description = format("%s over %s", ingress.value.name, upper(ingress.value.p))
      from_port   = ingress.value.from
      to_port     = ingress.value.to
      protocol    = ingress.value.p
      cidr_blocks = ["10.0.0.0/8"]
    }
  }

  ingress {
    description = "Ping"
    from_port   = 8
    to_port     = 0
    protocol    = "icmp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}
