# Redis that two services may ask.
variable "services" {
  type    = set(string)
  default = ["api", "worker"]
}

resource "aws_security_group" "service" {
  for_each    = var.services
  name        = "service-${each.key}"
  description = "Service ${each.key}"

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "redis" {
  name        = "redis"
  description = "ElastiCache"
}

resource "aws_security_group_rule" "redis" {
  for_each                 = aws_security_group.service
  type                     = "ingress"
  description              = "from ${each.key}"
  security_group_id        = aws_security_group.redis.id
  source_security_group_id = aws_security_group.service[each.key].id
  protocol                 = "tcp"
  from_port                = 6379
  to_port                  = 6380
}

resource "aws_security_group_rule" "redis_office" {
  type              = "ingress"
  security_group_id = aws_security_group.redis.id
  cidr_blocks       = ["192.0.2.0/28"]
  protocol          = "tcp"
  from_port         = 6379
  to_port           = 6379
}
