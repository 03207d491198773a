package cloudformation

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"sgfw/policy"
	"sgfw/policy/cloudformation/tree"
)

// group is what is known of a group until all templates are read.
type group struct {
	key string
	at  policy.Pos
	// in and out are rules of the group itself and then those of resources.
	in, out []policy.Rule
	// kept says that AWS's outbound rules hold where there are no others.
	kept bool
	// everything is the group's own outbound rule of everything, and added an outbound rule
	// that is a resource.
	everything, added *policy.Rule
}

// groupProperties are those of a group.
var groupProperties = []string{"GroupDescription", "GroupName", "SecurityGroupEgress",
	"SecurityGroupIngress", "Tags", "VpcId"}

// addGroups adds the groups of the template with their own rules.
func (s *stack) addGroups() { s.of(typeGroup, s.addGroup) }

func (s *stack) addGroup(r *resource) {
	f, ok := s.properties(r, groupProperties)
	if !ok {
		return
	}
	g := policy.Group{Name: r.id, VPCID: f["VpcId"].name(), Pos: r.at}
	switch name := f["GroupName"]; {
	case name.kind == text && strings.TrimSpace(name.text) != "":
		g.Name = strings.TrimRight(name.text, " ")
		if g.Name != r.id {
			s.Comment(r.at, "%s in the template", r.id)
		}
		if strings.EqualFold(g.Name, policy.DefaultName) {
			s.Errorf(name.at, "give it another name", "group name %s is reserved", short(g.Name))
			return
		}
	case name.kind == nothing:
		s.Comment(r.at, "The template names no group %s: AWS makes a name that begins so.", r.id)
	case name.kind == unknown:
		s.Lost(r.at, hintOf(name), "the name of group %s is not known: %s", r.id, name.why)
	default:
		s.Errorf(name.at, "", "the name of group %s is %s", r.id, name)
		return
	}
	if strings.EqualFold(g.Name, policy.DefaultName) {
		g.Name = r.id + "-group"
		s.Lost(r.at, "", "group %s is called %s: its name is reserved", r.id, g.Name)
	}
	g.Description = s.line(r.at, f["GroupDescription"], "the description of group "+r.id)
	g.Tags = s.tags(f["Tags"])
	known := &group{key: s.key(r.id), at: r.at, kept: true}
	s.groups = append(s.groups, known)
	s.byKey[known.key] = known
	s.Group(known.key, "", g)
	for _, v := range s.rulesOf(f["SecurityGroupIngress"], "SecurityGroupIngress") {
		if rule, ok := s.rule(v, policy.Ingress); ok {
			known.in = append(known.in, rule)
		}
	}
	if f["SecurityGroupEgress"].kind == list && len(f["SecurityGroupEgress"].items) == 0 {
		s.notice(f["SecurityGroupEgress"].at, "CloudFormation keeps the rule that lets everything out; "+
			"a rule such as -1 to 127.0.0.1/32 takes its place",
			"an empty SecurityGroupEgress is as none: everything may go out")
	}
	for _, v := range s.rulesOf(f["SecurityGroupEgress"], "SecurityGroupEgress") {
		if rule, ok := s.rule(v, policy.Egress); ok {
			known.out = append(known.out, rule)
			if rule.Protocol == policy.AllProtocols && rule.Peer.Kind == policy.PeerCIDR &&
				rule.Peer.CIDR == policy.AnyIPv4 {
				known.everything = &known.out[len(known.out)-1]
			}
		}
	}
}

// defaultOf returns the key of the default group of a network, which is added when it is
// first asked for.
func (s *stack) defaultOf(vpc *resource) string {
	key := s.key(vpc.id) + ".DefaultSecurityGroup"
	if s.byKey[key] == nil {
		known := &group{key: key, at: vpc.at, kept: true, in: policy.DefaultIngress()}
		known.in[0].Peer.Name = key
		s.groups = append(s.groups, known)
		s.byKey[key] = known
		s.Group(key, "", policy.Group{Name: policy.DefaultName, VPCID: vpc.id, Pos: vpc.at})
	}
	return key
}

// outside returns the group that rules of a template are for and that no template has.
func (s *stack) outside(at policy.Pos, v value) *group {
	key := v.text
	if known := s.byKey[key]; known != nil {
		return known
	}
	name := key
	if policy.GroupID.Meant(key) || strings.HasPrefix(strings.ToLower(key), "sg-") {
		name = "outside " + key
	}
	known := &group{key: key, at: at}
	s.groups = append(s.groups, known)
	s.byKey[key] = known
	s.Group(key, "", policy.Group{Name: name, Pos: at})
	s.Lost(at, "import the template or the answer of describe-security-groups that has it",
		"group %s is not here: it has only the rules that are", short(key))
	return known
}

// addRules adds the rules that are resources.
func (s *stack) addRules() {
	for _, r := range s.resources {
		dir := policy.Ingress
		switch r.typ {
		case typeEgress:
			dir = policy.Egress
		case typeIngress:
		default:
			continue
		}
		if s.spent || !s.included(r) {
			continue
		}
		names := resourceProperties[dir]
		f, ok := s.properties(r, names)
		if !ok {
			continue
		}
		target, ok := s.target(r, f)
		if !ok {
			continue
		}
		delete(f, "GroupId")
		delete(f, "GroupName")
		rule, ok := s.ruleOf(f, dir, r.at)
		if !ok {
			continue
		}
		if dir == policy.Ingress {
			target.in = append(target.in, rule)
			continue
		}
		target.out = append(target.out, rule)
		target.added = &rule
	}
}

// target is the group that a rule is for.
func (s *stack) target(r *resource, f map[string]value) (*group, bool) {
	v, property := f["GroupId"], "GroupId"
	if v.kind == nothing {
		v, property = f["GroupName"], "GroupName"
	}
	switch {
	case v.kind == nothing:
		s.Errorf(r.at, "GroupId: !Ref GROUP", "rule %s names no group", r.id)
		return nil, false
	case v.kind == groupRef:
		if g := s.byKey[v.text]; g != nil {
			return g, true
		}
		// What is wrong with the group is said there.
		return nil, false
	case v.kind == text && property == "GroupName":
		if g := s.named1(v.text); g != nil {
			return g, true
		}
		return s.outside(r.at, v), true
	case v.kind == text && !strings.HasPrefix(v.text, "sg-"):
		s.notGroup(v, property)
		return nil, false
	case v.kind == text, v.kind == unknown && v.text != "":
		return s.outside(r.at, v), true
	case v.kind == unknown:
		s.unresolved(v.at, v, "sg-…", "%s of rule %s", property, r.id)
	default:
		s.Errorf(v.at, "GroupId: !Ref GROUP", "%s of rule %s is %s", property, r.id, v)
	}
	return nil, false
}

// notGroup reports a text that is no group's ID.
func (s *stack) notGroup(v value, property string) {
	hint := "an ID begins with sg-"
	if r := s.byID[v.text]; r != nil && r.typ == typeGroup {
		hint = "write !Ref " + v.text
	}
	s.Errorf(v.at, hint, "%s %s is no ID of a group", property, short(v.text))
}

// named1 is the group of the template that has a name.
func (s *stack) named1(name string) *group {
	for _, r := range s.resources {
		if r.typ != typeGroup || s.byKey[s.key(r.id)] == nil {
			continue
		}
		if v := s.property(r, "GroupName"); v.kind == text && v.text == name {
			return s.byKey[s.key(r.id)]
		}
	}
	return nil
}

// addGroupRules hands the rules of all groups to the draft. CloudFormation keeps AWS's
// outbound rules of a group until there is another one (D4), be it the group's own or a
// resource.
func (m *importer) addGroupRules() {
	for _, g := range m.groups {
		for _, r := range g.in {
			m.Rules(g.key, policy.Ingress, r)
		}
		if g.kept && len(g.out) == 1 && isNone(&g.out[0]) {
			m.Comment(g.at, "Its only outbound rule is to %s, which stands for none.",
				g.out[0].Peer.CIDR)
			continue
		}
		if g.kept && len(g.out) == 0 {
			m.Rules(g.key, policy.Egress, policy.DefaultEgress()...)
		}
		for _, r := range g.out {
			m.Rules(g.key, policy.Egress, r)
		}
		if g.everything != nil && g.added != nil {
			m.Lost(g.everything.Pos, "say which is meant: the rule alone, or the others alone",
				"CloudFormation is known to take this rule away again when it makes the outbound rule that "+
					"is a resource, at line %d; it is kept here", g.added.Pos.Line)
		}
	}
}

// loopback is where CloudFormation's documentation sends everything, and broadcast where the
// CDK sends an ICMP type that does not exist, where nothing may go out.
var (
	loopback  = netip.MustParsePrefix("127.0.0.1/32")
	broadcast = netip.MustParsePrefix("255.255.255.255/32")
)

// isNone reports a rule that stands for no outbound rule: no packet leaves a device for
// there.
func isNone(r *policy.Rule) bool {
	if r.Peer.Kind != policy.PeerCIDR {
		return false
	}
	return r.Peer.CIDR == loopback && r.Protocol == policy.AllProtocols ||
		r.Peer.CIDR == broadcast && r.Protocol == policy.ICMP && r.From == 252 && r.To == 86
}

// properties are those of a resource whose names are known; others are errors, as they are
// to CloudFormation.
func (s *stack) properties(r *resource, names []string) (map[string]value, bool) {
	if r.properties == nil || r.properties.Kind != tree.Map {
		s.Errorf(r.at, "", "%s has no properties", r.id)
		return nil, false
	}
	v := s.eval(r.properties, r.scope)
	if v.kind == unknown {
		s.unresolved(r.at, v, "", "what %s is", r.id)
	}
	if v.kind != object {
		return nil, false
	}
	return s.known(v, names)
}

// known are the fields of an object, none of which has another name.
func (s *stack) known(v value, names []string) (map[string]value, bool) {
	f := s.fields(v)
	ok := true
	for _, e := range v.stack.entries(v.node, v.scope) {
		if slices.Contains(names, e.key) || f[e.key].kind == nothing {
			continue
		}
		hint := ""
		if near := policy.Suggest(e.key, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		s.Errorf(e.at, hint, "there is no property %s here", short(e.key))
		ok = false
	}
	return f, ok
}

// name is a value as a label.
func (v value) name() string {
	if v.kind == unknown && v.text != "" {
		return v.text
	}
	return v.said()
}

// hintOf says how to give a value.
func hintOf(v value) string {
	if v.text == "" {
		return ""
	}
	return "--var '" + v.text + "=VALUE'"
}

// line is a description, in one line.
func (s *stack) line(at policy.Pos, v value, what string) string {
	t := strings.TrimSpace(v.said())
	if !strings.ContainsFunc(t, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return t
	}
	s.Lost(at, "", "%s has line ends or what cannot be printed, here spaces", what)
	return strings.Join(strings.FieldsFunc(t, func(r rune) bool {
		return r == ' ' || !unicode.IsPrint(r)
	}), " ")
}

// tags are those of a resource.
func (s *stack) tags(v value) map[string]string {
	if v.kind != list {
		return nil
	}
	tags := map[string]string{}
	for _, item := range v.items {
		if item.kind != object {
			continue
		}
		f := s.fields(item)
		if key := f["Key"].said(); key != "" {
			tags[key] = s.line(item.at, f["Value"], "tag "+short(key))
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}
