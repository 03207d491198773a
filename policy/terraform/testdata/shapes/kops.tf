# Masters and nodes of a cluster that kops made: addresses with dots in their names.
resource "aws_security_group" "masters-k8s-example-com" {
  name        = "masters.k8s.example.com"
  description = "Security group for masters"

  tags = {
    "KubernetesCluster"                         = "k8s.example.com"
    "Name"                                      = "masters.k8s.example.com"
    "kubernetes.io/cluster/k8s.example.com"     = "owned"
  }
}

resource "aws_security_group" "nodes-k8s-example-com" {
  name        = "nodes.k8s.example.com"
  description = "Security group for nodes"
}

resource "aws_security_group_rule" "all-master-to-master" {
  type                     = "ingress"
  security_group_id        = "${aws_security_group.masters-k8s-example-com.id}"
  source_security_group_id = "${aws_security_group.masters-k8s-example-com.id}"
  from_port                = 0
  to_port                  = 0
  protocol                 = "-1"
}

resource "aws_security_group_rule" "node-to-master-tcp-1-2379" {
  type                     = "ingress"
  security_group_id        = "${aws_security_group.masters-k8s-example-com.id}"
  source_security_group_id = "${aws_security_group.nodes-k8s-example-com.id}"
  from_port                = 1
  to_port                  = 2379
  protocol                 = "tcp"
}

resource "aws_security_group_rule" "node-to-master-protocol-ipip" {
  type                     = "ingress"
  security_group_id        = "${aws_security_group.masters-k8s-example-com.id}"
  source_security_group_id = "${aws_security_group.nodes-k8s-example-com.id}"
  from_port                = 0
  to_port                  = 65535
  protocol                 = "4"
}

resource "aws_security_group_rule" "https-external-to-master-0-0-0-0--0" {
  type              = "ingress"
  security_group_id = "${aws_security_group.masters-k8s-example-com.id}"
  from_port         = 443
  to_port           = 443
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "master-egress" {
  type              = "egress"
  security_group_id = "${aws_security_group.masters-k8s-example-com.id}"
  from_port         = 0
  to_port           = 0
  protocol          = "-1"
  cidr_blocks       = ["0.0.0.0/0"]
}

terraform {
  required_version = ">= 0.9.3"
}
