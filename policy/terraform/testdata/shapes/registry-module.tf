# Calls of the widely used module security-group of the registry.
module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "~> 5.0"

  name            = "main"
  cidr            = "10.90.0.0/16"
  private_subnets = ["10.90.1.0/24", "10.90.2.0/24"]
}

module "web" {
  source  = "terraform-aws-modules/security-group/aws"
  version = "5.1.2"

  name        = "web"
  description = "Web servers"
  vpc_id      = module.vpc.vpc_id

  ingress_cidr_blocks = ["0.0.0.0/0"]
  ingress_rules       = ["http-80-tcp", "https-443-tcp"]
  ingress_with_cidr_blocks = [
    {
      from_port   = 8080
      to_port     = 8090
      protocol    = "tcp"
      description = "User-service ports"
      cidr_blocks = "10.10.0.0/16,10.11.0.0/16"
    },
    {
      rule        = "ssh-tcp"
      cidr_blocks = module.vpc.vpc_cidr_block
    },
  ]
  egress_rules = ["all-all"]
}

module "db" {
  source  = "terraform-aws-modules/security-group/aws"
  version = "~> 4.17"

  name            = "db"
  use_name_prefix = false
  vpc_id          = module.vpc.vpc_id

  computed_ingress_with_source_security_group_id = [
    {
      rule                     = "mysql-tcp"
      source_security_group_id = module.web.security_group_id
    },
  ]
  number_of_computed_ingress_with_source_security_group_id = 1

  ingress_with_cidr_blocks = [
    for cidr in module.vpc.private_subnets_cidr_blocks : {
      rule        = "postgresql-tcp"
      cidr_blocks = cidr
      description = "from ${cidr}"
    }
  ]
  ingress_with_self = [{ rule = "all-icmp" }]
  tags = {
    Owner = "data"
  }
}

module "ssh" {
  source = "terraform-aws-modules/security-group/aws//modules/ssh"

  name                = "ssh"
  vpc_id              = module.vpc.vpc_id
  ingress_cidr_blocks = ["198.51.100.0/24"]
}

module "six" {
  source  = "terraform-aws-modules/security-group/aws"
  version = "~> 6.0"

  name = "six"
  ingress_rules = {
    https = {
      from_port = 443
      cidr_ipv6 = "2001:db8::/32"
    }
    self = {
      ip_protocol                  = "-1"
      referenced_security_group_id = "self"
    }
  }
}

module "six_ssh" {
  source  = "terraform-aws-modules/security-group/aws//modules/ssh"
  version = ">= 6.1"

  name              = "six-ssh"
  ingress_cidr_ipv4 = { office = "203.0.113.0/24" }
}
