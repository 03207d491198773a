# GitLab: web, SSH on another port, registry, and runners that only go out.
resource "aws_security_group" "gitlab" {
  name        = "gitlab"
  description = <<-EOT
    GitLab server
  EOT

  dynamic "ingress" {
    for_each = { http = 80, https = 443, ssh = 2222, registry = 5050 }
    content {
      description = ingress.key
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_security_group" "runner" {
  name        = "gitlab-runner"
  description = "Runners"

  egress {
    from_port   = 0
    to_port     = 65535
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
