package operations

// The policies of TestIDsStay: web and another group, told in two ways, then
// without a rule.
const (
	idPolicy = `version: 1
prefix_lists: [{ name: office, entries: [{ cidr: 192.0.2.0/24 }] }]
security_groups:
  - name: web
    description: What is offered
    ingress:
      - { protocol: tcp, ports: 7001, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 7002, prefix_lists: [office] }
  - { name: other, description: Attached nowhere, egress: [] }
interfaces: [{ device: eth0, security_groups: [web] }]
`
	idPolicyRetold = `version: 1
prefix_lists: [{ name: office, max_entries: 5, entries: [{ cidr: 192.0.2.0/25,
      description: Half of it }] }]
security_groups:
  - { name: other, description: Still attached nowhere, egress: [] }
  - name: web
    description: What is offered, in other words
    tags: { Name: web }
    ingress:
      - { description: One more, protocol: tcp, ports: 7003, cidr_blocks: [0.0.0.0/0] }
      - { description: The office, protocol: 6, from_port: 7002, to_port: 7002,
            prefix_lists: [office] }
      - { description: Everybody, protocol: TCP, from_port: 7001, to_port: 7001,
            cidr_blocks: [198.51.100.0/0] }
interfaces: [{ device: "eth*", security_groups: [web, other] }]
`
)
