# Control plane and nodes of Kubernetes on EKS, as its module writes them.
locals {
  cluster_name = "prod"
  node_rules = {
    egress_all = {
      type       = "egress", protocol = "-1", from_port = 0, to_port = 0,
      cidr_blocks = ["0.0.0.0/0"], description = "Node all egress"
    }
    ingress_self_coredns_tcp = {
      type = "ingress", protocol = "tcp", from_port = 53, to_port = 53,
      self = true, description = "Node to node CoreDNS"
    }
    ingress_self_coredns_udp = {
      type = "ingress", protocol = "udp", from_port = 53, to_port = 53,
      self = true, description = "Node to node CoreDNS UDP"
    }
    ingress_cluster_kubelet = {
      type = "ingress", protocol = "tcp", from_port = 10250, to_port = 10250,
      source_cluster = true, description = "Cluster API to node kubelets"
    }
    ingress_cluster_443 = {
      type = "ingress", protocol = "tcp", from_port = 443, to_port = 443,
      source_cluster = true, description = "Cluster API to node groups"
    }
  }
}

resource "aws_security_group" "cluster" {
  name        = "${local.cluster_name}-cluster"
  description = "EKS cluster security group"
}

resource "aws_security_group_rule" "cluster_ingress_nodes_443" {
  security_group_id        = aws_security_group.cluster.id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = aws_security_group.node.id
  description              = "Node groups to cluster API"
}

resource "aws_security_group" "node" {
  name        = "${local.cluster_name}-node"
  description = "EKS node shared security group"

  tags = merge({ Environment = "prod" }, {
    "kubernetes.io/cluster/${local.cluster_name}" = "owned"
  })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "node" {
  for_each = { for k, v in local.node_rules : k => v }

  security_group_id = aws_security_group.node.id
  protocol          = each.value.protocol
  from_port         = each.value.from_port
  to_port           = each.value.to_port
  type              = each.value.type

  description              = lookup(each.value, "description", null)
  cidr_blocks              = lookup(each.value, "cidr_blocks", null)
  self                     = lookup(each.value, "self", null)
  source_security_group_id = try(each.value.source_cluster, false) ? aws_security_group.cluster.id : null
}
