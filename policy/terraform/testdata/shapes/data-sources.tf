# Groups and lists that only AWS knows: rules that name them match nothing yet.
data "aws_security_group" "legacy" {
  name = "legacy-app"
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.eu-west-1.s3"
}

data "aws_prefix_list" "dynamodb" {
  filter {
    name   = "prefix-list-name"
    values = ["com.amazonaws.eu-west-1.dynamodb"]
  }
}

data "aws_caller_identity" "current" {}

data "aws_vpc" "main" {
  tags = { Name = "main" }
}

resource "aws_security_group" "app" {
  name        = "app-${data.aws_caller_identity.current.account_id}"
  description = "In account ${data.aws_caller_identity.current.account_id}"
  vpc_id      = data.aws_vpc.main.id

  ingress {
    from_port       = 80
    to_port         = 80
    protocol        = "tcp"
    security_groups = [data.aws_security_group.legacy.id]
  }

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["192.0.2.0/24"]
  }

  egress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = [data.aws_ec2_managed_prefix_list.s3.id, data.aws_prefix_list.dynamodb.id]
  }
}
