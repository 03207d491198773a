# A file system that its clients mount, and they alone.
resource "aws_security_group" "clients" {
  name        = "efs-clients"
  description = "May mount the file system"
  ingress     = []
  egress = [
    {
      description      = "NFS"
      from_port        = 2049
      to_port          = 2049
      protocol         = "tcp"
      cidr_blocks      = ["10.20.0.0/20"]
      ipv6_cidr_blocks = []
      prefix_list_ids  = []
      security_groups  = []
      self             = false
    },
  ]
}

resource "aws_security_group" "targets" {
  name        = "efs-targets"
  description = "Mount targets"

  ingress {
    from_port       = 2049
    to_port         = 2049
    protocol        = "6"
    security_groups = [aws_security_group.clients.id]
    cidr_blocks     = ["10.20.16.0/20"]
  }
}
