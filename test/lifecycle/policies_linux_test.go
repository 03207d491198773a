package lifecycle

import (
	"fmt"
	"strings"

	"sgfw/test/harness"
)

// gateAnd is gatePolicy with further rules.
func gateAnd(ingress ...string) string {
	return harness.PolicyWith(append(
		[]string{harness.Allow("udp", harness.GateIn), harness.Allow("udp", harness.GateEcho),
			harness.Allow("tcp", harness.GateEcho)}, ingress...),
		[]string{harness.Allow("udp", harness.GateOut)}, "queues: { count: 1 }")
}

// grouped adds groups to a policy.
func grouped(text string, groups ...string) string {
	return strings.Replace(text, "interfaces:\n",
		"  - "+strings.Join(groups, "\n  - ")+"\ninterfaces:\n", 1)
}

// hosts are n rules for tcp/22, each from a host of its own.
func hosts(n int, family int) (rules []string) {
	for i := range n {
		from := fmt.Sprintf(`cidr_blocks: [198.51.100.%d/32]`, i)
		if family == 6 {
			from = fmt.Sprintf(`ipv6_cidr_blocks: ["2001:db8:f::%x/128"]`, i)
		}
		rules = append(rules, `{ protocol: tcp, ports: 22, `+from+` }`)
	}
	return rules
}

// turned is the gate's policy the other way round: it allows what that refuses
// and refuses what that allows.
var turned = strings.NewReplacer(
	fmt.Sprint("ports: ", harness.GateIn, ","), fmt.Sprint("ports: ", harness.GateInNever, ","),
	fmt.Sprint("ports: ", harness.GateOut, ","), fmt.Sprint("ports: ", harness.GateOutNever, ","),
).Replace(harness.GatePolicy())
