# Kafka with its ports by kind of listener.
locals {
  listeners = {
    tls       = 9094
    sasl_iam  = 9098
    zookeeper = 2181
  }
  clients = ["10.30.0.0/19", "10.30.32.0/19"]
  pairs = {
    for p in setproduct(keys(local.listeners), local.clients) : "${p[0]} ${p[1]}" => {
      port = local.listeners[p[0]]
      cidr = p[1]
      name = replace(p[0], "_", " ")
    }
  }
}

resource "aws_security_group" "brokers" {
  name        = "msk-brokers"
  description = "Kafka brokers"
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = local.pairs
  security_group_id = aws_security_group.brokers.id
  description       = upper(each.value.name)
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "brokers" {
  security_group_id            = aws_security_group.brokers.id
  referenced_security_group_id = aws_security_group.brokers.id
  ip_protocol                  = "-1"
}
