package harness

import (
	"fmt"
	"strings"
)

// SSHPolicy is the gate's policy with a rule for port 22.
func SSHPolicy(peer string) string {
	rule := `{ protocol: tcp, ports: 22, ` + peer + ` }`
	return strings.Replace(GatePolicy(), "ingress: [", "ingress: ["+rule+", ", 1)
}

// AllowAll is a policy that would open a gate.
var AllowAll = PolicyWith(
	[]string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`},
	[]string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`})

// PolicyWith is a policy with one group, which is on eth0. The rules are lines
// as allow and allowICMP write them; settings are lines of that section.
func PolicyWith(ingress, egress []string, settings ...string) string {
	return PolicyOn("eth0", ingress, egress, settings...)
}

// PolicyOn is policyWith for any device.
func PolicyOn(device string, ingress, egress []string, settings ...string) string {
	text := fmt.Sprintf(`version: 1
security_groups:
  - name: state
    description: Rules of a test about state
    ingress: [%s]
    egress: [%s]
interfaces:
  - device: %s
    security_groups: [state]
`, strings.Join(ingress, ", "), strings.Join(egress, ", "), device)
	if len(settings) > 0 {
		text += "settings:\n  " + strings.Join(settings, "\n  ") + "\n"
	}
	return text
}

// Closed allows nothing.
var Closed = PolicyWith(nil, nil)

// Allow is a rule for one port of TCP or UDP and everybody of both families.
func Allow(protocol string, port int) string {
	return fmt.Sprintf(
		`{ protocol: %s, ports: %d, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`, protocol,
		port)
}

// AllowICMP are two rules, one for a type and code of ICMP and one for ICMPv6.
func AllowICMP(type4, code4, type6, code6 int) []string {
	return []string{
		fmt.Sprintf(`{ protocol: icmp, from_port: %d, to_port: %d, cidr_blocks: [0.0.0.0/0] }`, type4,
			code4),
		fmt.Sprintf(`{ protocol: icmpv6, from_port: %d, to_port: %d, ipv6_cidr_blocks: ["::/0"] }`, type6,
			code6),
	}
}

// AllowPing are the rules that admit echo requests.
func AllowPing() []string { return AllowICMP(8, -1, 128, -1) }

// InOrder is the setting of tests that send what must pass behind what must not, and take
// its arrival for the end of what they sent. One queue keeps the order, even between flows;
// of several, each is for the CPU that the sender happens to run on.
const InOrder = "queues: { count: 1 }"

// OneQueue is InOrder for policies without settings of their own.
const OneQueue = `
settings: { ` + InOrder + ` }
`
