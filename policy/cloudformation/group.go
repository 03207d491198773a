package cloudformation

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// group is what is known of a group until all templates are read.
type group struct {
	key string
	at  policy.Pos
	// rules is how many rules there are, and out how many of them are outbound; first is the
	// first of those, which waits for a second one.
	rules, out int
	first      policy.Rule
	// kept says that AWS's outbound rules hold where there are no others.
	kept bool
	// everything is where the group's own outbound rule of everything is, and added where an
	// outbound rule is that is a resource.
	everything, added policy.Pos
}

// maxRules bounds the rules of a group: AWS takes 1,000 for a direction and family at most.
// maxTotal bounds those of all.
const (
	maxRules = 4 * policy.MaxRulesPerInterface
	maxTotal = 70_000
)

// full reports that there are more rules than may be, which is said once.
func (s *stack) full(g *group) bool {
	g.rules++
	s.rules++
	switch {
	case g.rules == maxRules+1:
		s.Errorf(g.at, "", "group %s has more than %d rules", policy.Quote(g.key), maxRules)
	case s.rules == maxTotal+1:
		s.Errorf(g.at, "", "there are more than %d rules", maxTotal)
	}
	return g.rules > maxRules || s.rules > maxTotal
}

// add hands a rule of a group to the draft.
func (s *stack) add(g *group, dir policy.Direction, r policy.Rule) {
	if dir == policy.Ingress {
		s.Rules(g.key, dir, r)
		return
	}
	switch g.out++; g.out {
	case 1:
		g.first = r
		return
	case 2:
		s.Rules(g.key, dir, g.first)
	}
	s.Rules(g.key, dir, r)
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
			s.note(r, "%s in the template", r.id)
		}
		if strings.EqualFold(g.Name, policy.DefaultName) {
			s.Errorf(name.at, "give it another name", "group name %s is reserved", policy.Quote(g.Name))
			return
		}
	case name.kind == nothing:
		s.note(r, "its logical ID: the template gives no name")
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
}

// addOwnRules adds the rules that stand in the groups.
func (s *stack) addOwnRules() {
	s.of(typeGroup, func(r *resource) {
		if g := s.byKey[s.key(r.id)]; g != nil {
			f := map[string]value{}
			for _, name := range []string{"SecurityGroupIngress", "SecurityGroupEgress"} {
				f[name] = s.property(r, name)
			}
			s.addOwn(g, f)
		}
	})
}

func (s *stack) addOwn(known *group, f map[string]value) {
	for _, v := range s.rulesOf(f["SecurityGroupIngress"], "SecurityGroupIngress") {
		if s.full(known) {
			return
		}
		if rule, ok := s.rule(v, policy.Ingress); ok {
			s.add(known, policy.Ingress, rule)
		}
	}
	if f["SecurityGroupEgress"].kind == list && len(f["SecurityGroupEgress"].items) == 0 {
		s.notice(f["SecurityGroupEgress"].at, "CloudFormation keeps the rule that lets everything out; "+
			"a rule such as -1 to 127.0.0.1/32 takes its place",
			"an empty SecurityGroupEgress is as none: everything may go out")
	}
	for _, v := range s.rulesOf(f["SecurityGroupEgress"], "SecurityGroupEgress") {
		if s.full(known) {
			return
		}
		if rule, ok := s.rule(v, policy.Egress); ok {
			s.add(known, policy.Egress, rule)
			if isEverything(&rule) {
				known.everything = rule.Pos
			}
		}
	}
}

// defaultOf returns the key of the default group of a network, which is added when it is
// first asked for.
func (s *stack) defaultOf(vpc *resource) string {
	return s.defaultGroup(s.key(vpc.id)+".DefaultSecurityGroup", vpc.id, vpc.at)
}

func (s *stack) defaultGroup(key, vpc string, at policy.Pos) string {
	if s.byKey[key] == nil {
		known := &group{key: key, at: at, kept: true}
		s.groups = append(s.groups, known)
		s.byKey[key] = known
		s.Group(key, "", policy.Group{Name: policy.DefaultName, VPCID: vpc, Pos: at})
		for _, r := range policy.DefaultIngress() {
			r.Peer.Name = key
			s.add(known, policy.Ingress, r)
		}
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
		"group %s is not here: it has only the rules that the templates add", policy.Quote(key))
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
		if rule, ok := s.ruleOf(f, dir, r.at); ok && !s.full(target) {
			s.add(target, dir, rule)
			if dir == policy.Egress {
				target.added = rule.Pos
			}
		}
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
		if g := s.groupNamed(v.text); g != nil {
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
	s.Errorf(v.at, hint, "%s %s is no ID of a group", property, policy.Quote(v.text))
}

// groupNamed is the group of the template that has a name of its own.
func (s *stack) groupNamed(name string) *group {
	if s.named == nil {
		s.named = map[string]*group{}
		for _, r := range s.resources {
			g := s.byKey[s.key(r.id)]
			if r.typ != typeGroup || g == nil {
				continue
			}
			if v := s.property(r, "GroupName"); v.kind == text && s.named[v.text] == nil {
				s.named[v.text] = g
			}
		}
	}
	return s.named[name]
}

// addLastRules hands the outbound rules that depend on all others to the draft.
// CloudFormation keeps AWS's of a group until there is another one (D4), be it the group's
// own or a resource.
func (m *importer) addLastRules() {
	for _, g := range m.groups {
		switch {
		case g.out == 0 && g.kept:
			m.Rules(g.key, policy.Egress, policy.DefaultEgress()...)
		case g.out == 1 && g.kept && isNone(&g.first):
			m.Comment(g.at, "Its only outbound rule is to %s, which stands for none.", g.first.Peer.CIDR)
		case g.out == 1:
			m.Rules(g.key, policy.Egress, g.first)
		}
		if g.everything.Line > 0 && g.added.Line > 0 {
			m.Lost(g.everything, "say which is meant: the rule alone, or the others alone",
				"CloudFormation is known to take this rule away again when it makes the outbound rule that "+
					"is a resource, at line %d; it is kept here", g.added.Line)
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
	ok := true
	f := s.each(v, func(e entry) bool {
		if slices.Contains(names, e.key) || v.stack.eval(e.value, e.scope).kind == nothing {
			return true
		}
		hint := s.meant(e.key, func() []string { return names })
		s.Errorf(e.at, hint, "there is no property %s here", policy.Quote(e.key))
		ok = false
		return false
	})
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
	t := strings.Trim(v.said(), "\r\n") // which end texts in blocks
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
			tags[key] = s.line(item.at, f["Value"], "tag "+policy.Quote(key))
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}
