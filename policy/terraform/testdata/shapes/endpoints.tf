# Interface endpoints of AWS's services: HTTPS from the network.
resource "aws_vpc" "this" {
  cidr_block = "10.110.0.0/16"
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.111.0.0/16"
}

locals {
  networks = compact([
    aws_vpc.this.cidr_block,
    aws_vpc_ipv4_cidr_block_association.more.cidr_block,
    "",
  ])
}

resource "aws_security_group" "endpoints" {
  name   = "vpc-endpoints"
  vpc_id = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = { for i, c in local.networks : i => c }
  security_group_id = aws_security_group.endpoints.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "HTTPS from ${each.value}"
}
