# A warehouse that is asked from the VPC's own networks.
resource "aws_vpc" "dwh" {
  cidr_block = "172.16.0.0/20"
}

resource "aws_subnet" "dwh" {
  count      = 2
  vpc_id     = aws_vpc.dwh.id
  cidr_block = cidrsubnet(aws_vpc.dwh.cidr_block, 4, count.index)
}

resource "aws_security_group" "redshift" {
  name        = "redshift"
  description = "Warehouse"
  vpc_id      = aws_vpc.dwh.id
}

resource "aws_security_group_rule" "redshift" {
  type              = "ingress"
  security_group_id = aws_security_group.redshift.id
  description       = "From the networks of the warehouse"
  protocol          = "tcp"
  from_port         = 5439
  to_port           = 5439
  cidr_blocks       = aws_subnet.dwh[*].cidr_block
}

resource "aws_security_group_rule" "redshift_vpc" {
  type              = "egress"
  security_group_id = aws_security_group.redshift.id
  protocol          = "-1"
  from_port         = 0
  to_port           = 65535
  cidr_blocks       = [aws_vpc.dwh.cidr_block]
}
