package cloudformation

import (
	"strings"

	"sgfw/policy"
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
