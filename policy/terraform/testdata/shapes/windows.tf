# Remote desktops and management, for administrators alone.
variable "admins" {
  type    = list(string)
  default = ["198.51.100.7/32", "2001:db8:5::/48"]
}

locals {
  admin_v4 = [for a in var.admins : a if !strcontains(a, ":")]
  admin_v6 = [for a in var.admins : a if strcontains(a, ":")]
  ports    = { rdp = "3389", winrm = "5985-5986", smb = "445" }
  spans = {
    for name, text in local.ports : name => {
      from = tonumber(split("-", text)[0])
      to   = tonumber(reverse(split("-", text))[0])
    }
  }
}

resource "aws_security_group" "windows" {
  name = "windows"

  dynamic "ingress" {
    for_each = local.spans
    content {
      description      = ingress.key
      from_port        = ingress.value.from
      to_port          = ingress.value.to
      protocol         = "tcp"
      cidr_blocks      = local.admin_v4
      ipv6_cidr_blocks = local.admin_v6
    }
  }
}
