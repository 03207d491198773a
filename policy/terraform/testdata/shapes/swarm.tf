# Docker Swarm over a list of numbers and words.
variable "swarm" {
  type = list(list(string))
  default = [
    ["2377", "tcp", "cluster management"],
    ["7946", "tcp", "nodes"],
    ["7946", "udp", "nodes"],
    ["4789", "udp", "overlay"],
  ]
}

resource "aws_security_group" "swarm" {
  name        = "swarm"
  description = "Docker Swarm"
}

resource "aws_security_group_rule" "swarm" {
  count             = length(var.swarm)
  type              = "ingress"
  security_group_id = aws_security_group.swarm.id
  from_port         = tonumber(var.swarm[count.index][0])
  to_port           = var.swarm[count.index][0]
  protocol          = var.swarm[count.index][1]
  description       = var.swarm[count.index][2]
  cidr_blocks       = ["10.60.0.0/24"]
}

resource "aws_security_group_rule" "esp" {
  type              = "ingress"
  security_group_id = aws_security_group.swarm.id
  from_port         = 0
  to_port           = 0
  protocol          = "50"
  description       = "encrypted overlay"
  self              = true
}
