package rules

import "sgfw/test/harness"

const asksNames = `
version: 1
security_groups:
  - name: asks
    description: Asks for names
    ingress:
      - { protocol: udp, ports: 9999, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: udp, ports: 53, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 5353, cidr_blocks: [224.0.0.0/4], ipv6_cidr_blocks: ["ff00::/8"] }
interfaces:
  - { device: eth0, security_groups: [asks] }
` + harness.OneQueue
