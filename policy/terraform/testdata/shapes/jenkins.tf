# A controller and its agents, each talking to the other: references in a circle.
resource "aws_security_group" "controller" {
  name        = "jenkins-controller"
  description = "Jenkins controller"
}

resource "aws_security_group" "agent" {
  name        = "jenkins-agent"
  description = "Jenkins agents"
}

locals {
  edges = [
    { from = "agent", to = "controller", port = 50000, text = "agents connect" },
    { from = "agent", to = "controller", port = 8080, text = "web" },
    { from = "controller", to = "agent", port = 22, text = "SSH agents" },
  ]
  groups = {
    controller = aws_security_group.controller.id
    agent      = aws_security_group.agent.id
  }
}

resource "aws_security_group_rule" "edge" {
  for_each                 = { for e in local.edges : "${e.from}-${e.to}-${e.port}" => e }
  type                     = "ingress"
  security_group_id        = local.groups[each.value.to]
  source_security_group_id = local.groups[each.value.from]
  protocol                 = "tcp"
  from_port                = each.value.port
  to_port                  = each.value.port
  description              = each.value.text
}

resource "aws_security_group_rule" "web" {
  type              = "ingress"
  security_group_id = aws_security_group.controller.id
  cidr_blocks       = ["198.51.100.0/24"]
  protocol          = "tcp"
  from_port         = 8443
  to_port           = 8443
}
