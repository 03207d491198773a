package cloudformation

import (
	"slices"
	"strings"

	"sgfw/policy"
)

// What CloudFormation takes at most.
const (
	maxTemplate  = 1 << 20 // bytes
	maxResources = 500
)

// Export writes the groups and prefix lists of a policy as a template, in YAML. What a
// template cannot say is among the problems: an error where the meaning would be another, and
// then there is no template; else a notice.
func Export(p *policy.Policy) ([]byte, policy.Problems) {
	x := &exporter{p: p, taken: map[string]bool{defaultParameter: true,
		networkParameter: true}, groupIDs: map[string]string{},
		listIDs: map[string]string{}, order: map[string]int{}, parameters: map[string]string{}}
	for i := range p.PrefixLists {
		if l := &p.PrefixLists[i]; !isForeign(l) {
			x.listIDs[l.Name] = x.id(l.Name, "List")
		}
	}
	for i := range p.Groups {
		if g := &p.Groups[i]; !g.Default {
			x.groupIDs[g.Name] = x.id(g.Name, "Group")
			x.order[g.Name] = i
		}
	}
	for i := range p.PrefixLists {
		x.list(&p.PrefixLists[i])
	}
	for i := range p.Groups {
		if g := &p.Groups[i]; g.Default {
			x.defaultGroup(g)
		} else {
			x.group(g)
		}
	}
	out := x.template()
	x.resolved()
	x.leftOut()
	if len(out) > maxTemplate || x.resources > maxResources {
		x.notice(policy.Pos{}, "part it into several stacks",
			"the template has %d resources and %d bytes; CloudFormation takes %d and %d", x.resources,
			len(out), maxResources, maxTemplate)
	}
	var refused policy.Problems
	for _, problem := range policy.Validate(p) {
		if problem.AWS && problem.Field != "entries" { // a list without gets a family
			refused = append(refused, problem)
		}
	}
	problems := append(x.found.Problems(), refused...)
	problems.Sort()
	if problems.Err() != nil {
		return nil, problems
	}
	return out, problems
}

// The parameters that stand for the default group of the network, and for the network of groups
// that name none, with the descriptions by which an import knows them.
const (
	defaultParameter = "DefaultSecurityGroup"
	defaultText      = "The default group of the network"
	typeGroupID      = "AWS::EC2::SecurityGroup::Id"
	networkParameter = "Network"
	networkText      = "The network that the groups are made in"
	typeVPCID        = "AWS::EC2::VPC::Id"
)

// exporter writes a template.
type exporter struct {
	p     *policy.Policy
	found policy.Collector
	taken map[string]bool // logical IDs and names of parameters
	// groupIDs and listIDs are logical IDs by name.
	groupIDs, listIDs map[string]string
	order             map[string]int // of groups
	// parameters are the types of parameters by name.
	parameters map[string]string
	body       yamlWriter // of the resources
	resources  int
}

func (x *exporter) notice(at policy.Pos, hint, format string, a ...any) {
	x.found.Add(policy.Problem{Pos: at, Severity: policy.SeverityNotice, Hint: hint,
		Message: sprintf(format, a...)})
}

// id makes a logical ID: letters and digits, and used once.
func (x *exporter) id(name, otherwise string) string {
	id := name
	if strings.Map(alphanumeric, name) != name {
		words := strings.FieldsFunc(name, func(r rune) bool { return alphanumeric(r) < 0 })
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		id = strings.Join(words, "")
	}
	if id == "" {
		id = otherwise
	}
	if len(id) > 200 {
		id = id[:200]
	}
	tried := id
	for n := 2; x.taken[tried]; n++ {
		tried = sprintf("%s%d", id, n)
	}
	x.taken[tried] = true
	return tried
}

// parameter is a parameter of that name and type, which is made when it is first needed.
func (x *exporter) parameter(name, typ string) string {
	if x.parameters[name] == "" {
		x.parameters[name] = typ
		x.taken[name] = true
	}
	return name
}

// isForeign reports a list that stands for one of another template or account, by its ID,
// and has nothing of its own.
func isForeign(l *policy.PrefixList) bool {
	id := l.Name[strings.LastIndexByte(l.Name, '/')+1:]
	return len(l.Entries) == 0 && l.Family == 0 &&
		(policy.GroupID.Check(id) == nil || policy.PrefixListID.Check(id) == nil && id == l.Name)
}

func (x *exporter) resource(id, typ string) {
	x.resources++
	x.body.line(2, quoted(id)+":")
	x.body.line(4, "Type: "+typ)
	x.body.line(4, "Properties:")
}

func (x *exporter) list(l *policy.PrefixList) {
	id := x.listIDs[l.Name]
	if id == "" {
		return
	}
	family, known := l.FamilyOf()
	if !known {
		family = policy.IPv4
		x.notice(l.Pos, "", "prefix list %s is of IPv4 in the template: CloudFormation wants a family",
			policy.Quote(l.Name))
	}
	x.resource(id, typeList)
	x.body.field(6, "PrefixListName", l.Name)
	x.body.line(6, "AddressFamily: "+family.String())
	x.body.line(6, sprintf("MaxEntries: %d", max(l.MaxEntries, 1)))
	if len(l.Entries) == 0 {
		return
	}
	x.body.line(6, "Entries:")
	for _, e := range l.Entries {
		x.body.line(8, "- Cidr: "+quoted(e.CIDR.String()))
		x.body.field(10, "Description", e.Description)
	}
}

func (x *exporter) group(g *policy.Group) {
	id := x.groupIDs[g.Name]
	x.resource(id, typeGroup)
	x.body.field(6, "GroupName", g.Name)
	x.body.field(6, "GroupDescription", g.Description)
	switch {
	case g.VPCID == "":
		x.body.line(6, "VpcId: !Ref "+x.parameter(networkParameter, typeVPCID))
	case strings.HasPrefix(g.VPCID, "vpc-"):
		x.body.field(6, "VpcId", g.VPCID)
	case strings.Map(alphanumeric, g.VPCID) != g.VPCID || g.VPCID == networkParameter ||
		x.taken[g.VPCID] && x.parameters[g.VPCID] == "":
		x.notice(g.Pos, "write the ID of a network, or a name of letters and digits",
			"vpc_id %s is written as it is, and no ID", policy.Quote(g.VPCID))
		x.body.field(6, "VpcId", g.VPCID)
	default:
		x.body.line(6, "VpcId: !Ref "+x.parameter(g.VPCID, typeVPCID))
	}
	later := x.inline(g, policy.Ingress, g.Ingress)
	after := []policy.Rule{}
	switch {
	case len(g.Egress) == 0:
		x.body.line(6, "SecurityGroupEgress:")
		x.rule(8, g, policy.Egress, &nowhere)
	case !isDefaultEgress(g.Egress):
		after = x.inline(g, policy.Egress, g.Egress)
	}
	if len(g.Tags) > 0 {
		x.body.line(6, "Tags:")
		for _, key := range sortedTags(g.Tags) {
			x.body.line(8, "- Key: "+quoted(key))
			x.body.line(10, "Value: "+quoted(g.Tags[key]))
		}
	}
	x.separate(g, id, x.groupRef(g.Name), policy.Ingress, later)
	x.separate(g, id, x.groupRef(g.Name), policy.Egress, after)
	everything := slices.IndexFunc(g.Egress, func(r policy.Rule) bool { return isEverything(&r) })
	if everything >= 0 && len(after) > 0 {
		x.notice(g.Egress[everything].Pos, "",
			"CloudFormation is known to take away the rule that lets everything out of group %s when it "+
				"makes the outbound rules that are resources", policy.Quote(g.Name))
	}
}

// isEverything reports a rule that lets everything out in IPv4.
func isEverything(r *policy.Rule) bool {
	return r.Protocol == policy.AllProtocols && r.Peer.Kind == policy.PeerCIDR &&
		r.Peer.CIDR == policy.AnyIPv4
}

// isDefaultEgress reports the outbound rules that a group has which says none.
func isDefaultEgress(rules []policy.Rule) bool {
	if len(rules) != 2 {
		return false
	}
	for _, d := range policy.DefaultEgress() {
		i := slices.IndexFunc(rules, func(r policy.Rule) bool { return r.ID() == d.ID() })
		if i < 0 || rules[i].Description != "" || len(rules[i].Tags) > 0 {
			return false
		}
	}
	return true
}

// defaultGroup writes what is added to the default group, which every network has. The rules
// that AWS gives it cannot be taken away.
func (x *exporter) defaultGroup(g *policy.Group) {
	var more [2][]policy.Rule
	for dir, usual := range [][]policy.Rule{policy.DefaultIngress(), policy.DefaultEgress()} {
		rules := g.Rules(policy.Direction(dir))
		for i := range usual {
			if !slices.ContainsFunc(rules,
				func(r policy.Rule) bool { return r.ID() == usual[i].ID() }) {
				x.found.Add(policy.Problem{Pos: g.Pos, Message: sprintf("a template cannot take the rule "+
					"%s %q away from the default group", policy.Direction(dir), usual[i].String()),
					Hint: "use a group of your own"})
			}
		}
		for _, r := range rules {
			if !slices.ContainsFunc(usual,
				func(u policy.Rule) bool { return r.ID() == u.ID() }) {
				more[dir] = append(more[dir], r)
			}
		}
	}
	if len(more[policy.Egress]) > 0 {
		x.found.Add(policy.Problem{Pos: g.Pos, Hint: "use a group of your own",
			Message: "an outbound rule that is a resource takes the others of the default group away"})
		return
	}
	if len(more[policy.Ingress]) > 0 {
		x.parameter(defaultParameter, typeGroupID)
		x.separate(g, defaultParameter, "!Ref "+defaultParameter, policy.Ingress, more[policy.Ingress])
	}
}

// leftOut says what a template has no place for.
func (x *exporter) leftOut() {
	if n := len(x.p.NetworkACLs); n > 0 {
		x.notice(x.p.NetworkACLs[0].Pos, "", "network ACLs are left out, %d of them", n)
	}
	if x.parameters[defaultParameter] != "" {
		x.notice(policy.Pos{}, "", "the default group is the parameter %s of the template",
			defaultParameter)
	}
	if len(x.p.Interfaces) > 0 || x.p.Settings != policy.DefaultSettings {
		x.notice(policy.Pos{}, "--attach gives them back when it is imported",
			"devices and settings are those of a machine, and left out")
	}
	if len(x.p.Remotes) > 0 {
		x.notice(x.p.Remotes[0].Pos, "in AWS, what runs there is given its groups",
			"peers stand in the Metadata of the template, which CloudFormation ignores")
	}
	if x.parameters[networkParameter] != "" {
		x.notice(policy.Pos{}, "vpc_id names the network of a group",
			"the network is the parameter %s of the template", networkParameter)
	}
}

// metadata writes the peers, for an import.
func (x *exporter) metadata(w *yamlWriter) {
	if len(x.p.Remotes) == 0 {
		return
	}
	w.line(0, "Metadata:")
	w.line(2, metadataKey+":")
	w.line(4, "Peers:")
	for i := range x.p.Remotes {
		r := &x.p.Remotes[i]
		w.line(6, "- Name: "+quoted(r.Name))
		w.line(8, "Addresses:")
		for _, a := range r.Own() {
			w.line(10, "- "+quoted(policy.OwnText(a)))
		}
		w.line(8, "SecurityGroups:")
		for _, g := range r.Groups {
			id := x.groupIDs[g]
			if id == "" {
				id = x.parameter(defaultParameter, typeGroupID)
			}
			w.line(10, "- "+quoted(id))
		}
	}
}

// template is the whole text.
func (x *exporter) template() []byte {
	var w yamlWriter
	w.line(0, `AWSTemplateFormatVersion: "2010-09-09"`)
	w.line(0, "Description: Security groups, written by sgfw export")
	x.metadata(&w)
	if len(x.parameters) > 0 {
		w.line(0, "Parameters:")
		for _, name := range sortedTags(x.parameters) {
			w.line(2, quoted(name)+":")
			w.line(4, "Type: "+x.parameters[name])
			switch name {
			case defaultParameter:
				w.field(4, "Description", defaultText)
			case networkParameter:
				w.field(4, "Description", networkText)
			}
		}
	}
	if x.resources == 0 {
		x.found.Add(policy.Problem{Message: "the policy has no security groups",
			Hint: "a template has at least one resource"})
	}
	w.line(0, "Resources:")
	w.WriteString(x.body.String())
	return []byte(w.String())
}
