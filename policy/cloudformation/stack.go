package cloudformation

import (
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// The types of resources that count.
const (
	typeGroup     = "AWS::EC2::SecurityGroup"
	typeIngress   = "AWS::EC2::SecurityGroupIngress"
	typeEgress    = "AWS::EC2::SecurityGroupEgress"
	typeList      = "AWS::EC2::PrefixList"
	typeInterface = "AWS::EC2::NetworkInterface"
	typeInstance  = "AWS::EC2::Instance"
	typeVPC       = "AWS::EC2::VPC"
	typeACL       = "AWS::EC2::NetworkAcl"
	typeStack     = "AWS::CloudFormation::Stack"
)

// maxRead bounds the resources of a template.
const maxRead = 20_000

// stack is a template with what is known of it.
type stack struct {
	*importer
	file, name string
	root       *tree.Node
	parameters map[string]*parameter
	mappings   map[string]*tree.Node
	conditions map[string]*condition
	resources  []*resource
	byID       map[string]*resource
	outputs    map[string]entry // by logical ID
	// exports are the values by name, made when one is asked for.
	exports map[string]*export
	// attributes are those of resources that were asked for, and busy those that are being
	// evaluated.
	attributes map[string]value
	busy       map[string]bool
	// named are the groups by their own name, made when one is asked for.
	named map[string]*group
}

type resource struct {
	id, typ    string
	at         policy.Pos // of the logical ID
	condition  string
	properties *tree.Node
	scope      *scope
	// asked says that there holds whether the condition does.
	asked, there bool
}

// sections are the keys of a template.
var sections = []string{"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters",
	"Rules", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Hooks", "Globals"}

// at is where a node stands.
func (s *stack) at(n *tree.Node) policy.Pos { return n.Pos(s.file) }

// read finds the parts of the template.
func (s *stack) read() {
	s.parameters, s.byID = map[string]*parameter{}, map[string]*resource{}
	s.mappings, s.conditions = map[string]*tree.Node{}, map[string]*condition{}
	s.outputs, s.busy = map[string]entry{}, map[string]bool{}
	s.attributes = map[string]value{}
	if body := s.root.Field("TemplateBody"); s.root.Kind == tree.Text || body != nil {
		s.Errorf(s.at(s.root), "aws cloudformation get-template --query TemplateBody --output text",
			"the template is a text within JSON")
		return
	}
	if s.root.Kind != tree.Map {
		s.Errorf(s.at(s.root), "", "this is no template of CloudFormation")
		return
	}
	for k := range s.root.Fields() {
		if !slices.Contains(sections, k.Text) {
			hint := s.meant(k.Text, func() []string { return sections })
			if hint == "" {
				hint = "the sections are " + strings.Join(sections, ", ")
			}
			s.Errorf(s.at(k), hint, "a template has no section %s", policy.Quote(k.Text))
		}
	}
	for _, e := range s.section("Parameters") {
		s.parameters[e.key] = &parameter{name: e.key, node: e.value, at: e.at}
	}
	for _, e := range s.section("Mappings") {
		s.mappings[e.key] = e.value
	}
	for _, e := range s.section("Conditions") {
		s.conditions[e.key] = &condition{node: e.value, scope: e.scope, at: e.at}
	}
	for _, e := range s.section("Outputs") {
		s.outputs[e.key] = e
	}
	if n := s.root.Field("Resources"); n == nil || n.Kind != tree.Map {
		s.Errorf(s.at(s.root), "", "the template has no Resources")
		return
	}
	resources := s.section("Resources")
	if len(resources) > maxRead {
		s.Errorf(resources[maxRead].at, "CloudFormation takes 500", "more than %d resources", maxRead)
		return
	}
	for _, e := range resources {
		s.readResource(e)
	}
}

// section are the entries of a section; there is nothing in one that is left out.
func (s *stack) section(name string) []entry {
	n := s.root.Field(name)
	switch {
	case n == nil || n.Kind == tree.Null:
		return nil
	case n.Kind != tree.Map:
		s.Errorf(s.at(n), "", "%s is no map", name)
		return nil
	}
	return s.entries(n, nil)
}

func (s *stack) readResource(e entry) {
	if e.key == "Fn::Transform" {
		s.lost(e.at, "import what it includes too", "Fn::Transform adds resources that are not here")
		return
	}
	if e.value.Kind != tree.Map {
		s.Errorf(e.at, "", "resource %s is no map", policy.Quote(e.key))
		return
	}
	r := resource{id: e.key, at: e.at, scope: e.scope}
	for k, v := range e.value.Fields() {
		switch k.Text {
		case "Type":
			if v.Kind != tree.Text {
				s.Errorf(s.at(v), "such as "+typeGroup, "the type of resource %s is no text",
					policy.Quote(e.key))
				return
			}
			r.typ = s.substituted(e.scope, v.Text, s.at(v))
		case "Condition":
			if v.IsScalar() && v.Tag == "" {
				r.condition = s.substituted(e.scope, v.Text, s.at(v))
			} else {
				s.Errorf(s.at(v), "name one of the Conditions", "the condition of resource %s is no name",
					policy.Quote(e.key))
				return
			}
		case "Properties":
			r.properties = v
		}
	}
	if r.typ == "" {
		s.Errorf(e.at, "such as "+typeGroup, "resource %s has no Type", policy.Quote(r.id))
		return
	}
	if s.byID[r.id] != nil {
		s.Errorf(e.at, "", "resource %s is there already", policy.Quote(r.id))
		return
	}
	s.resources = append(s.resources, &r)
	s.byID[r.id] = &r
}

// of yields the resources of a type that the conditions leave in.
func (s *stack) of(typ string, do func(*resource)) {
	for _, r := range s.resources {
		if r.typ == typ && !s.spent && s.included(r) {
			do(r)
		}
	}
}

// included reports whether the condition of a resource holds. One that cannot be known is
// an error.
func (s *stack) included(r *resource) bool {
	if r.asked {
		return r.there
	}
	r.asked, r.there = true, true
	if r.condition == "" {
		return true
	}
	v := s.condition(r.condition, r.at)
	if v.kind == unknown {
		s.unresolved(r.at, v, "", "whether resource %s is there, condition %s,", r.id,
			policy.Quote(r.condition))
	}
	r.there = v.kind == text && v.text == "true"
	return r.there
}

// note writes a comment above the part that a resource becomes. Those that a loop makes stand at
// one place, which would not tell them apart.
func (s *stack) note(r *resource, format string, a ...any) {
	if r.scope == nil {
		s.Comment(r.at, format, a...)
	}
}

// key is what the draft calls a resource.
func (s *stack) key(id string) string {
	if len(s.stacks) == 1 {
		return id
	}
	return s.name + "." + id
}

// notice says something that is not about a part of the policy.
func (s *stack) notice(at policy.Pos, hint, format string, a ...any) {
	s.Add(at, &policy.Problem{Severity: policy.SeverityNotice, Hint: hint,
		Message: sprintf(format, a...)})
}

// lost says what is not in the policy, there and as a notice.
func (s *stack) lost(at policy.Pos, hint, format string, a ...any) {
	s.Lost(at, hint, "%s", sprintf(format, a...))
}

// classic are the resources that had groups of their own before there were networks.
var classic = []string{"AWS::RDS::DBSecurityGroup", "AWS::RDS::DBSecurityGroupIngress",
	"AWS::ElastiCache::SecurityGroup", "AWS::ElastiCache::SecurityGroupIngress",
	"AWS::Redshift::ClusterSecurityGroup", "AWS::Redshift::ClusterSecurityGroupIngress"}

// tellACLs says that network ACLs are left out: a template gives them to subnets, and what a
// subnet is here nobody says.
func (s *stack) tellACLs() {
	var all []*resource
	for _, r := range s.resources { // whatever their conditions say: nothing needs to be known
		if r.typ == typeACL || r.typ == typeACL+"Entry" {
			all = append(all, r)
		}
	}
	const hint = "sgfw import reads the answer of aws ec2 describe-network-acls, too"
	switch len(all) {
	case 0:
	case 1:
		s.lost(all[0].at, hint, "the network ACL %s is left out", all[0].id)
	default:
		s.lost(all[0].at, hint, "%d resources of network ACLs are left out, from %s on", len(all),
			all[0].id)
	}
}

// tell says what may be missing.
func (s *stack) tell() {
	s.tellACLs()
	for _, r := range s.resources {
		switch {
		case r.typ == typeStack:
			s.lost(r.at, "import its template too", "the groups of nested stack %s are not here", r.id)
		case strings.HasSuffix(r.typ, "::MODULE"):
			s.lost(r.at, "", "the groups of module %s, resource %s, are not here", r.typ, r.id)
		case slices.Contains(classic, r.typ):
			s.lost(r.at, "", "%s of type %s is no group of EC2 and is left out", r.id, r.typ)
		case strings.HasPrefix(r.typ, typeGroup) && !slices.Contains(known, r.typ):
			hint := s.meant(r.typ, func() []string { return known })
			s.lost(r.at, hint, "%s of type %s is left out", r.id, r.typ)
		}
	}
	for _, n := range transforms(s.root.Field("Transform")) {
		if !strings.HasPrefix(n.Text, "AWS::Serverless") && n.Text != "AWS::LanguageExtensions" &&
			!strings.HasPrefix(n.Text, "AWS::SecretsManager") {
			s.lost(s.at(n), "import the processed template: aws cloudformation get-template "+
				"--template-stage Processed", "macro %s is not run: groups that it makes are not here",
				policy.Quote(n.Text))
		}
	}
}

var known = []string{typeGroup, typeIngress, typeEgress,
	"AWS::EC2::SecurityGroupVpcAssociation"}

// transforms are the names of macros: one, or several in a list.
func transforms(n *tree.Node) []*tree.Node {
	switch {
	case n == nil:
		return nil
	case n.IsScalar():
		return []*tree.Node{n}
	case n.Kind == tree.Map:
		if name := n.Field("Name"); name != nil && name.IsScalar() {
			return []*tree.Node{name}
		}
		return nil
	}
	var out []*tree.Node
	for _, item := range n.Items {
		if item.Kind != tree.List {
			out = append(out, transforms(item)...)
		}
	}
	return out
}
