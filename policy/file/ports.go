package file

import (
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// span is a range of ports, or type and code.
type span struct{ from, to int }

// nothing is the span of a protocol without ports.
var nothing = []span{{-1, -1}}

// spans reads what a rule says about ports, or type and code; their ranges are for
// validation to check. What is left out has the code that AWS gives, which is not
// MissingParameter.
func (d *decoder) spans(f fields, p policy.Protocol, pos policy.Pos) (spans []span, ok bool) {
	ports, fromNode, toNode := f["ports"], f["from_port"], f["to_port"]
	if ports != nil && (fromNode != nil || toNode != nil) {
		d.errorAt(d.at(ports), policy.InvalidParameterCombination,
			"ports is short for from_port and to_port; keep one form",
			"ports stands beside from_port or to_port")
		return nil, false
	}
	if ports != nil && p.IsICMP() {
		d.errorAt(d.at(ports), policy.InvalidParameterCombination,
			"the type goes under from_port, the code under to_port, -1 for all",
			"%s has no ports", p)
		return nil, false
	}
	given := func() ([]span, bool) {
		if ports != nil {
			return d.ports(ports, p)
		}
		from, ok := d.number(fromNode, "from_port")
		to, good := d.number(toNode, "to_port")
		return []span{{from, to}}, ok && good
	}
	none, both := ports == nil && fromNode == nil && toNode == nil, ports != nil || fromNode != nil &&
		toNode != nil
	switch {
	case none && p.HasPorts():
		list := ", ports: [80, 443]"
		if f["rule_no"] != nil {
			list = "" // a rule of a network ACL has one range
		}
		d.errorAt(pos, policy.InvalidParameterValue,
			"such as ports: 443"+list+" or ports: 8000-9000; all ports are 0-65535", "%s needs ports", p)
		return nil, false
	case none && p == policy.ICMP:
		d.errorAt(pos, policy.InvalidParameterValue,
			"from_port: 8 and to_port: -1 is echo request; -1 and -1 is everything",
			"icmp needs from_port (the type) and to_port (the code)")
		return nil, false
	case none:
		return nothing, true
	case (p.HasPorts() || p.IsICMP()) && !both:
		missing := "from_port"
		if fromNode != nil {
			missing = "to_port"
		}
		d.errorAt(pos, policy.InvalidParameterValue, "from_port and to_port go together",
			"the rule has no %s", missing)
		return nil, false
	case p.HasPorts() || p.IsICMP():
		return given()
	}
	// AWS silently ignores ports of a protocol that has none. There is no notice either
	// for all ports, which other tools require there.
	if both {
		if spans, ok = given(); !ok {
			return nil, false
		}
		from, to := spans[0].from, spans[0].to
		if !(len(spans) == 1 && from <= 0 && (to == from || to == policy.MaxPort)) {
			what := "protocol " + p.String()
			if p == policy.AllProtocols {
				what = "protocol all"
			}
			d.notice(f, "leave the ports out", "ports are ignored: "+what+" is allowed as a whole")
		}
	}
	return nothing, true
}

func (d *decoder) notice(f fields, hint, message string) {
	for _, key := range []string{"ports", "from_port", "to_port"} {
		if n := f[key]; n != nil {
			d.found.Add(policy.Problem{Pos: d.at(n), Severity: policy.SeverityNotice, Message: message,
				Hint: hint})
			return
		}
	}
}

var portRange = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})$`)

// ports reads the short form: one port, a range, the name of a service, or a list of
// those.
func (d *decoder) ports(n *node, p policy.Protocol) (spans []span, ok bool) {
	if n.Kind != yaml.SequenceNode {
		s, ok := d.portRange(n, p)
		return []span{s}, ok
	}
	if len(n.Content) == 0 {
		d.invalid(n, "such as [80, 443]; all ports are 0-65535", "ports has no ports")
		return nil, false
	}
	ok = true
	seen := make(map[span]bool, len(n.Content))
	for _, item := range n.Content {
		s, good := d.portRange(item, p)
		if good && p.HasPorts() {
			if seen[s] {
				d.invalid(item, "write it once", "ports has %s twice", short(item.Value))
				good = false
			} else if bad := policy.CheckRange(p, s.from, s.to); bad != nil {
				bad.Pos, good = d.at(item), false
				d.found.Add(*bad)
			}
		}
		ok, seen[s] = ok && good, true
		spans = append(spans, s)
	}
	return spans, ok
}

// portRange reads one port, two with a dash between, or the name of a service.
func (d *decoder) portRange(n *node, p policy.Protocol) (s span, ok bool) {
	if unusable(n) || n.Kind != yaml.ScalarNode {
		v, ok := d.number(n, "ports")
		return span{v, v}, ok
	}
	if m := portRange.FindStringSubmatch(n.Value); m != nil {
		s.from, _ = strconv.Atoi(m[1])
		s.to, _ = strconv.Atoi(m[2])
		return s, true
	}
	if decimal.MatchString(n.Value) && len(n.Value) <= maxDigits {
		v, err := strconv.Atoi(n.Value)
		return span{v, v}, err == nil
	}
	if n.Tag == "!!str" && n.Value == "all" && p.HasPorts() {
		return span{0, policy.MaxPort}, true
	}
	if n.Tag == "!!str" && serviceName.MatchString(n.Value) && p.HasPorts() {
		port, bad := policy.ServicePort(n.Value, p)
		if bad != nil {
			bad.Pos = d.at(n)
			d.found.Add(*bad)
		}
		return span{port, port}, bad == nil
	}
	hint := "such as 443, 8000-9000, https or [80, 443]; all ports are 0-65535"
	if m := looseRange.FindStringSubmatch(n.Value); m != nil {
		hint = "write " + m[1] + "-" + m[2]
	} else if portList.MatchString(n.Value) {
		hint = "write [" + strings.Join(strings.FieldsFunc(n.Value, betweenPorts), ", ") + "]"
	}
	d.invalid(n, hint, "ports must be ports, ranges or names of services, not %s", describe(n))
	return s, false
}

var (
	serviceName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
	portList    = regexp.MustCompile(`^[0-9a-z-]{1,11}([,; ]+[0-9a-z-]{1,11})+$`)
	// looseRange is a range as other tools write it.
	looseRange = regexp.MustCompile(`^([0-9]{1,5})(?: *- *|:|\.\.)([0-9]{1,5})$`)
)

func betweenPorts(c rune) bool { return c == ',' || c == ';' || c == ' ' }
