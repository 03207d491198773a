# Consul, Nomad and Vault on the same machines.
locals {
  consul = { rpc = [8300, "tcp"], lan = [8301, "tcp"], lan_udp = [8301, "udp"], http = [8500, "tcp"],
  dns = [8600, "tcp"], dns_udp = [8600, "udp"] }
  nomad = { http = [4646, "tcp"], rpc = [4647, "tcp"], serf = [4648, "tcp"], serf_udp = [4648, "udp"] }
  vault = { api = [8200, "tcp"], cluster = [8201, "tcp"] }
  all = merge(
    { for k, v in local.consul : "consul-${k}" => v },
    { for k, v in local.nomad : "nomad-${k}" => v },
    { for k, v in local.vault : "vault-${k}" => v },
  )
}

resource "aws_security_group" "servers" {
  name        = "hashicorp-servers"
  description = "Consul, Nomad, Vault"
}

resource "aws_security_group_rule" "inside" {
  for_each          = local.all
  type              = "ingress"
  description       = each.key
  security_group_id = aws_security_group.servers.id
  from_port         = element(each.value, 0)
  to_port           = element(each.value, 0)
  protocol          = element(each.value, 1)
  cidr_blocks       = ["10.40.0.0/16"]
}

resource "aws_security_group_rule" "self" {
  type              = "ingress"
  security_group_id = aws_security_group.servers.id
  from_port         = 20000
  to_port           = 32000
  protocol          = "tcp"
  self              = true
}
