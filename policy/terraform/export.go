package terraform

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// Export writes the groups, prefix lists and peers of a policy as a configuration of Terraform.
// Rules are resources of their own, one for each peer, so that groups may refer to each
// other. What a configuration has no place for is a notice.
func Export(p *policy.Policy) ([]byte, policy.Problems) {
	x := &exporter{p: p, taken: map[string]bool{},
		groups: map[string]string{}, lists: map[string]string{}, networks: map[string]string{}}
	for i := range p.PrefixLists {
		l := &p.PrefixLists[i]
		switch {
		case isForeign(l):
		case isAmazons(l):
			x.lists[l.Name] = "data.aws_ec2_managed_prefix_list." + x.label(l.Name)
		default:
			x.lists[l.Name] = "aws_ec2_managed_prefix_list." + x.label(l.Name)
		}
	}
	for i := range p.Groups {
		if g := &p.Groups[i]; g.Default {
			x.taken["default"] = true
			x.groups[g.Name] = "aws_default_security_group.default"
		} else {
			x.groups[g.Name] = "aws_security_group." + x.label(g.Name)
		}
	}
	x.header()
	for i := range p.PrefixLists {
		x.list(&p.PrefixLists[i])
	}
	for i := range p.Groups {
		x.group(&p.Groups[i])
	}
	x.peers()
	x.leftOut()
	for _, problem := range policy.Validate(p) {
		if problem.AWS {
			x.found.Add(problem)
		}
	}
	problems := x.found.Problems()
	problems.Sort()
	x.finish()
	return x.text.Bytes(), problems
}

// exporter writes a configuration.
type exporter struct {
	p     *policy.Policy
	found policy.Collector
	// text is of the blocks so far but the last, which is alone in file: in one file with the
	// others, each block would take time for all those before it.
	text  bytes.Buffer
	file  *hclwrite.File
	taken map[string]bool
	// groups and lists are addresses by name; networks are variables by vpc_id.
	groups, lists, networks map[string]string
}

func (x *exporter) notice(pos policy.Pos, hint, format string, a ...any) {
	x.found.Add(policy.Problem{Pos: pos, Severity: policy.SeverityNotice, Hint: hint,
		Message: fmt.Sprintf(format, a...)})
}

// isForeign reports a list that stands for one of AWS or a group elsewhere, by its ID, and
// has nothing of its own.
func isForeign(l *policy.PrefixList) bool {
	id := l.Name[strings.LastIndexByte(l.Name, '/')+1:]
	return len(l.Entries) == 0 && l.Family == 0 && (policy.GroupID.Check(id) == nil ||
		policy.PrefixListID.Check(id) == nil && id == l.Name)
}

// isAmazons reports a list of AWS's own that is called by its name.
func isAmazons(l *policy.PrefixList) bool {
	return len(l.Entries) == 0 && strings.HasPrefix(l.Name, "com.amazonaws.")
}

var noLabel = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// label is a name as a label of Terraform, used once.
func (x *exporter) label(name string) string {
	label := strings.Trim(noLabel.ReplaceAllString(name, "_"), "_-")
	if label == "" || !(label[0] == '_' || label[0] >= 'A') {
		label = strings.TrimSuffix("group_"+label, "_")
	}
	label = label[:min(len(label), 100)]
	tried := label
	for n := 2; x.taken[strings.ToLower(tried)]; n++ {
		tried = fmt.Sprintf("%s_%d", label, n)
	}
	x.taken[strings.ToLower(tried)] = true
	return tried
}

// block begins a block at the top.
func (x *exporter) block(kind string, labels ...string) *hclwrite.Body {
	x.finish()
	x.file = hclwrite.NewEmptyFile()
	return x.file.Body().AppendNewBlock(kind, labels).Body()
}

// finish writes the last block.
func (x *exporter) finish() {
	if x.file == nil {
		return
	}
	if x.text.Len() > 0 {
		x.text.WriteByte('\n')
	}
	x.text.Write(x.file.Bytes()) // which are formatted
}

func numberVal(n int) cty.Value { return cty.NumberIntVal(int64(n)) }

// reference sets an argument to an attribute of something: a.b.id.
func reference(b *hclwrite.Body, name, address string) {
	parts := strings.Split(address, ".")
	t := hcl.Traversal{hcl.TraverseRoot{Name: parts[0]}}
	for _, part := range parts[1:] {
		t = append(t, hcl.TraverseAttr{Name: part})
	}
	b.SetAttributeTraversal(name, t)
}

// header writes what a configuration needs, and a variable for each network that has no ID.
func (x *exporter) header() {
	providers := x.block("terraform").AppendNewBlock("required_providers", nil).Body()
	providers.SetAttributeValue("aws", cty.ObjectVal(map[string]cty.Value{
		"source": cty2("hashicorp/aws"), "version": cty2(">= 4.56.0")}))
	for i := range x.p.Groups {
		vpc := x.p.Groups[i].VPCID
		if vpc == "" || strings.HasPrefix(vpc, "vpc-") || x.networks[vpc] != "" {
			continue
		}
		name := "vpc_id"
		if len(x.networks) > 0 {
			name = fmt.Sprintf("vpc_id_%d", len(x.networks)+1)
		}
		x.networks[vpc] = name
		v := x.block("variable", name)
		v.SetAttributeTraversal("type", hcl.Traversal{hcl.TraverseRoot{Name: "string"}})
		v.SetAttributeValue("description", cty2("ID of the network that was called "+vpc))
		v.SetAttributeValue("default", cty2(vpc))
		x.notice(x.p.Groups[i].Pos, "give its ID: -var "+name+"=vpc-…",
			"network %s has no ID: it is the variable %s", vpc, name)
	}
}

// described sets a description as far as Terraform takes it.
func (x *exporter) described(b *hclwrite.Body, s string, pos policy.Pos, rule bool) {
	if s == "" {
		return
	}
	to := s
	if rule {
		to = strings.Map(func(r rune) rune {
			if r < 0x80 && (letter(byte(r)) || strings.ContainsRune(` .:/()#,@[]+=&;{}!$*`, r)) {
				return r
			}
			return '.'
		}, s)
	}
	if r := []rune(to); len(r) > policy.MaxDescription {
		to = string(r[:policy.MaxDescription])
	}
	if to != s {
		x.notice(pos, "", "description %q is %q in Terraform: it takes fewer characters", short(s),
			short(to))
	}
	b.SetAttributeValue("description", cty2(to))
}

func tagged(b *hclwrite.Body, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	var values []hclwrite.ObjectAttrTokens
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		name := hclwrite.TokensForValue(cty2(key))
		if hclsyntax.ValidIdentifier(key) && key != "for" { // which begins an expression
			name = hclwrite.TokensForIdentifier(key)
		}
		values = append(values, hclwrite.ObjectAttrTokens{Name: name,
			Value: hclwrite.TokensForValue(cty2(tags[key]))})
	}
	b.SetAttributeRaw("tags", hclwrite.TokensForObject(values))
}

func (x *exporter) list(l *policy.PrefixList) {
	address := x.lists[l.Name]
	label := address[strings.LastIndexByte(address, '.')+1:]
	switch {
	case address == "":
		return
	case isAmazons(l):
		x.block("data", "aws_ec2_managed_prefix_list", label).SetAttributeValue("name", cty2(l.Name))
		return
	}
	b := x.block("resource", "aws_ec2_managed_prefix_list", label)
	family, known := l.FamilyOf()
	if !known {
		family = policy.IPv4
		x.notice(l.Pos, "", "prefix list %q is of IPv4 in Terraform, which wants a family",
			short(l.Name))
	}
	b.SetAttributeValue("name", cty2(l.Name))
	b.SetAttributeValue("address_family", cty2(family.String()))
	b.SetAttributeValue("max_entries", numberVal(max(l.MaxEntries, 1)))
	for _, e := range l.Entries {
		b.AppendNewline()
		entry := b.AppendNewBlock("entry", nil).Body()
		entry.SetAttributeValue("cidr", cty2(e.CIDR.String()))
		x.described(entry, e.Description, e.Pos, false)
	}
}

func (x *exporter) group(g *policy.Group) {
	typ, label, _ := strings.Cut(x.groups[g.Name], ".")
	b := x.block("resource", typ, label)
	if g.Default {
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			rules := g.Rules(d)
			for i := range rules {
				x.inline(b, d, &rules[i])
			}
		}
		tagged(b, g.Tags)
		return
	}
	b.SetAttributeValue("name", cty2(g.Name))
	if g.Description != policy.DefaultDescription { // which is Terraform's too
		x.described(b, g.Description, g.Pos, false)
	}
	switch {
	case g.VPCID == "":
	case x.networks[g.VPCID] != "":
		reference(b, "vpc_id", "var."+x.networks[g.VPCID])
	default:
		b.SetAttributeValue("vpc_id", cty2(g.VPCID))
	}
	tagged(b, g.Tags)
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		rules := g.Rules(d)
		for i := range rules {
			x.rule(g, label, d, i, &rules[i])
		}
	}
}

// rule writes a rule as a resource.
func (x *exporter) rule(g *policy.Group, label string, d policy.Direction, i int,
	r *policy.Rule) {
	b := x.block("resource", "aws_vpc_security_group_"+d.String()+"_rule",
		fmt.Sprintf("%s_%s_%d", label, d, i+1))
	reference(b, "security_group_id", x.groups[g.Name]+".id")
	x.described(b, r.Description, r.Pos, true)
	b.SetAttributeValue("ip_protocol", cty2(r.Protocol.String()))
	if r.Protocol.HasPorts() || r.Protocol.IsICMP() {
		b.SetAttributeValue("from_port", numberVal(r.From))
		b.SetAttributeValue("to_port", numberVal(r.To))
	}
	switch r.Peer.Kind {
	case policy.PeerCIDR:
		name := "cidr_ipv4"
		if policy.FamilyOf(r.Peer.CIDR) == policy.IPv6 {
			name = "cidr_ipv6"
		}
		b.SetAttributeValue(name, cty2(r.Peer.CIDR.String()))
	case policy.PeerPrefixList:
		switch address := x.lists[r.Peer.Name]; {
		case address != "":
			reference(b, "prefix_list_id", address+".id")
		case policy.PrefixListID.Check(r.Peer.Name) == nil:
			b.SetAttributeValue("prefix_list_id", cty2(r.Peer.Name))
		default:
			b.SetAttributeValue("referenced_security_group_id", cty2(r.Peer.Name))
		}
	case policy.PeerGroup:
		reference(b, "referenced_security_group_id", x.groups[r.Peer.Name]+".id")
	}
	tagged(b, r.Tags)
}

// leftOut says what a configuration has no place for.
func (x *exporter) leftOut() {
	if n := len(x.p.NetworkACLs); n > 0 {
		x.notice(x.p.NetworkACLs[0].Pos, "write aws_network_acl yourself",
			"network ACLs are left out, %d of them", n)
	}
	if n := len(x.p.Interfaces); n > 0 {
		x.notice(x.p.Interfaces[0].Pos, "in AWS, whatever runs there has the group",
			"interfaces are left out, %d of them", n)
	}
	if i := slices.IndexFunc(x.p.Groups,
		func(g policy.Group) bool { return g.VPCID == "" && !g.Default }); i >= 0 {
		x.notice(x.p.Groups[i].Pos, "vpc_id names the network",
			"groups without vpc_id are made in the default network of the account, such as %s",
			short(x.p.Groups[i].Name))
	}
}
