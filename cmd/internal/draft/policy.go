package draft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Policy is the draft.
type Policy struct {
	managed, unmanaged []Device
	open               []opening
	closed             []Service
}

// Devices names those that are managed.
func (p *Policy) Devices() (names []string) {
	for _, d := range p.managed {
		names = append(names, d.Name)
	}
	return names
}

// World are the services that are open to everyone.
func (p *Policy) World() (out []Service) {
	for _, o := range p.open {
		if slices.Equal(o.from, everyone) {
			out = append(out, o.Service)
		}
	}
	return out
}

// Bounds that keep the draft well within AWS's quotas: 60 rules in a group for each
// family, and 5 groups on an interface (Q1).
const (
	rulesPerGroup   = 40
	groupsPerDevice = 4
)

// cost is what the rule uses of the quota.
func (o opening) cost() int {
	v4 := 0
	for _, p := range o.from {
		if p.Addr().Is4() {
			v4++
		}
	}
	return max(v4, len(o.from)-v4)
}

// group is a security group of the draft.
type group struct {
	name, description string
	rules             []opening
	size              int
}

// groups are SSH, and the other services in as many groups as the quota takes.
func (p *Policy) groups() (out []group) {
	ssh := group{name: "ssh", description: "SSH as it was in use when this was written"}
	services := group{description: "Ports that this machine listened on when this was written"}
	for _, o := range p.open {
		if o.ssh {
			ssh.rules = append(ssh.rules, o)
			continue
		}
		if services.size > 0 && services.size+o.cost() > rulesPerGroup {
			out = append(out, services)
			services.rules, services.size = nil, 0
		}
		services.rules, services.size = append(services.rules, o), services.size+o.cost()
	}
	if len(services.rules) > 0 {
		out = append(out, services)
	}
	for i := range out {
		if out[i].name = "services"; len(out) > 1 {
			out[i].name = fmt.Sprintf("services-%d", i+1)
		}
	}
	if len(ssh.rules) > 0 {
		out = append([]group{ssh}, out...)
	}
	if len(out) == 0 {
		out = []group{{name: "machine", description: "Nothing comes in but answers"}}
	}
	return out
}

// YAML is the draft as a policy file.
func (p *Policy) YAML() string {
	var b strings.Builder
	b.WriteString(`# A first policy, written by sgfw init from what this machine had. Read it and take
# away what nobody outside needs, then
#
#   sgfw check FILE
#   sudo sgfw run -c FILE
#
# Live SSH sessions are not cut: run refuses a policy that would lock one out.

version: 1

security_groups:
`)
	var names []string
	for _, g := range p.groups() {
		names = append(names, g.name)
		fmt.Fprintf(&b, "  - name: %s\n    description: %s\n", g.name, g.description)
		if len(g.rules) > 0 {
			b.WriteString("    ingress:\n")
		}
		for _, o := range g.rules {
			o.yaml(&b)
		}
		b.WriteString("    # No egress here: everything out is allowed, as in a new group in AWS.\n")
	}
	for i, s := range p.closed {
		if i == 0 {
			b.WriteString("\n# Closed, though somebody listens:\n")
		}
		fmt.Fprintf(&b, "#   %s port %d %s\n", s.Protocol, s.Port, s.name())
	}
	b.WriteString("\ninterfaces:\n")
	for _, d := range p.managed {
		fmt.Fprintf(&b, "  - device: %q\n    security_groups: [%s]\n", d.Name, strings.Join(names, ", "))
	}
	for i, d := range p.unmanaged {
		if i == 0 {
			b.WriteString("# Not filtered:\n")
		}
		fmt.Fprintf(&b, "#   %s\n", d)
	}
	return b.String()
}

// yaml writes the rule.
func (o opening) yaml(b *strings.Builder) {
	fmt.Fprintf(b, "      - description: %q\n        protocol: %s\n        ports: %d\n", o.name(),
		o.Protocol, o.Port)
	var v4, v6 []string
	for _, p := range o.from {
		if p.Addr().Is4() {
			v4 = append(v4, p.String())
		} else {
			v6 = append(v6, fmt.Sprintf("%q", netip.Prefix.String(p)))
		}
	}
	if len(v4) > 0 {
		fmt.Fprintf(b, "        cidr_blocks: [%s]\n", strings.Join(v4, ", "))
	}
	if len(v6) > 0 {
		fmt.Fprintf(b, "        ipv6_cidr_blocks: [%s]\n", strings.Join(v6, ", "))
	}
}

// name is what the service is called after its processes. They may call themselves
// anything: what AWS takes in a description stays.
func (s Service) name() string {
	text := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
			strings.ContainsRune(" ._-", r)) {
			return r
		}
		return '_'
	}, strings.Join(s.Processes, " "))
	if text == "" {
		return "Port " + fmt.Sprint(s.Port)
	}
	return text
}
