# OpenSearch: HTTPS from networks of a list, the rest within.
variable "networks" {
  type    = string
  default = "10.50.0.0/24,10.50.1.0/24, 10.50.2.0/24"
}

resource "aws_security_group" "opensearch" {
  name = join("-", ["logs", "opensearch"])

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = [for n in split(",", var.networks) : trimspace(n)]
  }

  ingress {
    from_port = 9200
    to_port   = 9400
    protocol  = "tcp"
    self      = true
  }

  egress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = distinct(concat(["10.50.0.0/24"], ["10.50.0.0/24", "10.51.0.0/24"]))
  }
}
