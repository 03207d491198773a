package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/space"
)

// said is a difference in lines, as people read it.
func said(d *Difference) (out []string) {
	for _, parts := range [][]Part{d.Groups, d.Interfaces} {
		for _, p := range parts {
			switch {
			case p.Was != "":
				out = append(out, p.Was+" is "+p.Name)
			case p.Op != policy.Changed:
				out = append(out, p.Op.String()+" "+p.Name)
			}
			for dir := range p.Opened {
				for op, s := range map[string][]string{"+": nil, "-": nil} {
					set := p.Opened[dir]
					if op == "-" {
						set = p.Closed[dir]
					}
					for _, l := range set.Lines() {
						s = append(s, fmt.Sprint(op, " ", p.Name, " ", policy.Direction(dir), " ", l.What(), " ",
							strings.Join(l.Peers, ", ")))
					}
					out = append(out, s...)
				}
			}
			for op, sets := range map[string][2]space.Set{"+": p.Allowed, "-": p.Denied} {
				for dir, set := range sets {
					for _, l := range set.Lines() {
						out = append(out, fmt.Sprint(op, " ", p.Name, " network ACL ", policy.Direction(dir), " ",
							l.What(), " ", strings.Join(l.Peers, ", ")))
					}
				}
			}
			for _, o := range p.Other {
				out = append(out, "~ "+p.Name+" "+o)
			}
		}
	}
	out = append(out, d.Settings...)
	slices.Sort(out)
	return out
}

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, _, err := file.Parse("test", []byte("version: 1\n"+text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// web is a group with ingress rules and no others, one in a line.
func web(rules ...string) string { return "security_groups:\n" + group("web", rules...) }

func group(name string, rules ...string) string {
	text := "- name: " + name + "\n  egress: []\n  ingress:\n"
	for _, r := range rules {
		text += "  - {" + r + "}\n"
	}
	return text
}

// edge is a network ACL with one rule, of which the number and the action are said.
func edge(rule string) string {
	return "network_acls:\n- {name: edge, ingress: [{rule_no: " + rule +
		", protocol: all, cidr_block: 0.0.0.0/0}]}\n"
}

func behindEdge(host string) string {
	return strings.Replace(host, "}", ", network_acl: edge}", 1)
}

func TestPolicies(t *testing.T) {
	https := "protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0]"
	fromApp := "protocol: tcp, ports: 80, security_groups: [app]"
	host := "interfaces:\n- {device: eth0, security_groups: [web]}\n"
	peers := "peers:\n- {name: app-1, addresses: [10.0.1.7], security_groups: [app]}\n"
	app := group("app", "protocol: tcp, ports: 1, self: true")
	for name, c := range map[string]struct {
		before, after  string
		want           []string
		opens, closes  bool
		comparesByName bool
	}{
		"the same": {before: web(https), after: web(https), comparesByName: true},
		"written otherwise": {
			before: web("protocol: tcp, ports: 80-90, cidr_blocks: [10.0.0.0/8]", https),
			after: web(https, "protocol: tcp, ports: 80-84, cidr_blocks: [10.0.0.0/9, 10.128.0.0/9]",
				"protocol: tcp, ports: 85-90, cidr_blocks: [10.0.0.0/8, 10.1.0.0/16]"),
			comparesByName: true},
		"opened": {before: web(https),
			after: web(https, "protocol: tcp, ports: 8080, cidr_blocks: [10.0.0.0/8]"),
			want:  []string{"+ web ingress tcp 8080 10.0.0.0/8"}, opens: true, comparesByName: true},
		"closed": {before: web(https), after: web("protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/1]"),
			want: []string{"- web ingress tcp 443 128.0.0.0/1"}, closes: true, comparesByName: true},
		"both": {before: web("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8]"),
			after: web("protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/9, 11.0.0.0/8]"),
			want:  []string{"+ web ingress tcp 22 11.0.0.0/8", "- web ingress tcp 22 10.128.0.0/9"},
			opens: true, closes: true, comparesByName: true},
		"a group of the world is in it": {before: web(https, fromApp, "protocol: tcp, ports: 80, "+
			"cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ['::/0']") + app,
			after: web(https, "protocol: tcp, ports: 80, cidr_blocks: [0.0.0.0/0], "+
				"ipv6_cidr_blocks: ['::/0']") + app, comparesByName: true},
		"a new group": {before: web(https), after: web(https) + app,
			want:  []string{"+ app", "+ app ingress tcp 1 group app"},
			opens: true, comparesByName: true},
		"a group is gone": {before: web(https) + app, after: web(https),
			want:   []string{"- app", "- app ingress tcp 1 group app"},
			closes: true, comparesByName: true},
		"a renamed group": {before: web(https, fromApp) + app,
			after: strings.ReplaceAll(web(https, fromApp)+app, "app", "backend"),
			want:  []string{"app is backend"}, comparesByName: true},
		"groups that refer to each other are renamed": {
			before: web(https) + group("a", "protocol: tcp, ports: 1, security_groups: [b]") +
				group("b", "protocol: tcp, ports: 2, security_groups: [a]") +
				group("c", "protocol: tcp, ports: 1, security_groups: [a]"),
			after: web(https) + group("x", "protocol: tcp, ports: 2, security_groups: [z]") +
				group("y", "protocol: tcp, ports: 1, security_groups: [z]") +
				group("z", "protocol: tcp, ports: 1, security_groups: [x]"),
			want: []string{"a is z", "b is x", "c is y"}, comparesByName: true},
		"not quite renamed": {before: web(https) + app,
			after: web(https) + group("other", "protocol: tcp, ports: 1, security_groups: [web]"),
			want: []string{"+ other", "+ other ingress tcp 1 group web", "- app",
				"- app ingress tcp 1 group app"}, opens: true, closes: true, comparesByName: true},
		"a member more": {before: web(https, fromApp) + app + host,
			after: web(https, fromApp) + app + host + peers,
			want: []string{"+ app ingress tcp 1 10.0.1.7/32", "+ eth0 ingress tcp 80 10.0.1.7/32",
				"+ web ingress tcp 80 10.0.1.7/32"}, opens: true},
		"members that one policy does not say": {before: web(https, fromApp) + app,
			after: web(https, fromApp) + app + host + peers, comparesByName: true},
		"an address in place of a member": {before: web(fromApp) + app + peers,
			after: web("protocol: tcp, ports: 80, cidr_blocks: [10.0.1.7/32]") + app + peers,
			want:  []string{"- web ingress tcp 80 group app"}, closes: true},
		"a group leaves a device": {before: web(https) + app + "interfaces:\n" +
			"- {device: eth0, security_groups: [web, app]}\n",
			after: web(https) + app + host, want: []string{"- eth0 ingress tcp 1 group app"},
			closes: true},
		"groups on a device that permit the same": {before: web(https) + app + "interfaces:\n" +
			"- {device: eth0, security_groups: [app, web]}\n",
			after: web(https, "protocol: tcp, ports: 1, security_groups: [app]") + app + host,
			want:  []string{"+ web ingress tcp 1 group app"}, opens: true},
		"a device is not governed any more": {
			before: web(https) + host + "- {device: eth1, security_groups: [web]}\n",
			after:  web(https) + host, want: []string{"- eth1"}, opens: true},
		"a device is governed now": {before: web(https) + host,
			after: web(https) + host + "- {device: eth1, security_groups: [web]}\n",
			want:  []string{"+ eth1"}, closes: true},
		"a device of a pattern": {before: web(https) + app + "interfaces:\n" +
			"- {device: eth*, security_groups: [web]}\n", after: web(https) + app + host +
			"- {device: 'eth*', security_groups: [app]}\n",
			want:  []string{"+ eth* ingress tcp 1 group app", "- eth* ingress tcp 443 0.0.0.0/0"},
			opens: true, closes: true},
		"another mode": {before: web(https) + host,
			after: web(https) + strings.Replace(host, "}", ", mode: guest}", 1),
			want:  []string{"~ eth0 mode host → guest"}, opens: true, closes: true},
		"the network ACL that allows everything": {before: web(https) + host, after: web(https) +
			strings.Replace(host, "}", ", network_acl: default}", 1)},
		"a network ACL": {before: web(https) + host,
			after: web(https) + edge("100, action: allow") + behindEdge(host),
			want: []string{"- eth0 network ACL egress all protocols 0.0.0.0/0, ::/0",
				"- eth0 network ACL ingress all protocols ::/0"}, closes: true},
		"a rule of a network ACL": {before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + edge("100, action: deny") + behindEdge(host),
			want:  []string{"- eth0 network ACL ingress all protocols 0.0.0.0/0"}, closes: true},
		"a rule before another": {before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + strings.Replace(edge("100, action: allow"), "[{", "[{rule_no: 7, "+
				"action: deny, protocol: tcp, ports: 22-23, cidr_block: 10.0.0.0/8}, {", 1) + behindEdge(host),
			want: []string{"- eth0 network ACL ingress tcp 22-23 10.0.0.0/8"}, closes: true},
		"a rule that is never reached": {
			before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + strings.Replace(edge("100, action: allow"), "[{", "[{rule_no: 700, "+
				"action: deny, protocol: tcp, ports: 22-23, cidr_block: 10.0.0.0/8}, {", 1) +
				behindEdge(host)},
		"another network ACL that means the same": {
			before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + strings.ReplaceAll(edge("7, action: allow")+behindEdge(host), "edge",
				"other")},
		"a network ACL less": {before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + host, want: []string{
				"+ eth0 network ACL egress all protocols 0.0.0.0/0, ::/0",
				"+ eth0 network ACL ingress all protocols ::/0"}, opens: true},
		"the same network ACL": {before: web(https) + edge("100, action: allow") + behindEdge(host),
			after: web(https) + edge("100, action: allow") + behindEdge(host)},
		"a setting": {before: web(https) + host,
			after: web(https) + host + "settings: {icmp_errors: rules, max_flows: 70000}\n",
			want:  []string{"icmp_errors related → rules"}, opens: true, closes: true},
		"a list": {before: web("protocol: tcp, ports: 22, prefix_lists: [office]") + "prefix_lists:\n" +
			"- {name: office, entries: [{cidr: 192.0.2.0/24}]}\n",
			after:          web("protocol: tcp, ports: 22, cidr_blocks: [192.0.2.0/24]"),
			comparesByName: true},
		"a list that nobody knows": {before: web("protocol: tcp, ports: 22, prefix_lists: [office]") +
			"prefix_lists:\n- {name: office, entries: []}\n",
			after: web("protocol: tcp, ports: 22, prefix_lists: [office]") + "prefix_lists:\n" +
				"- {name: office, entries: [{cidr: 192.0.2.0/24}]}\n",
			want:  []string{"+ web ingress tcp 22 192.0.2.0/24", "- web ingress tcp 22 list office (IPv6)"},
			opens: true, closes: true, comparesByName: true},
		"the default group is there always": {before: web(https) + host,
			after: web(https) + host + "- {device: eth1, security_groups: [default]}\n",
			want:  []string{"+ eth1"}, closes: true},
	} {
		d := Policies(parse(t, c.before), parse(t, c.after))
		if got := said(d); !slices.Equal(got, c.want) || d.Opens() != c.opens ||
			d.Closes() != c.closes || d.ByName != c.comparesByName {
			t.Errorf("%s: opens %t, closes %t, by name %t\n%s\nwant %t, %t, %t\n%s", name, d.Opens(),
				d.Closes(), d.ByName, strings.Join(got, "\n"), c.opens, c.closes, c.comparesByName,
				strings.Join(c.want, "\n"))
		}
		back := Policies(parse(t, c.after), parse(t, c.before))
		if back.Opens() != c.closes || back.Closes() != c.opens {
			t.Errorf("%s: the way back opens %t and closes %t", name, back.Opens(), back.Closes())
		}
	}
}
