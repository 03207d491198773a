package awsjson

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
)

// noAccount is the account of what is exported: nobody's.
const noAccount = "000000000000"

// Export writes the groups, prefix lists, peers and network ACLs of a policy as the AWS CLI
// would print them, in one JSON document, from which [Import] makes the same again. Entries
// stand in their list, where the CLI prints them apart. Without IDs of a machine the document has
// some that come from the names. What AWS would refuse, and what the document has no place
// for, such as settings, is a notice.
func Export(p *policy.Policy) ([]byte, policy.Problems) {
	x := &exporter{p: p, ids: p.IDs, elsewhere: map[string]bool{}}
	if x.ids == (policy.IDs{}) {
		x.ids.Seed = sha256.Sum256([]byte("sgfw export aws"))
	}
	x.check()
	var doc document
	for i := range p.PrefixLists {
		if l := &p.PrefixLists[i]; elsewhere(l) {
			x.elsewhere[l.Name] = true
		} else {
			doc.PrefixLists = append(doc.PrefixLists, x.list(l))
		}
	}
	for i := range p.Groups {
		doc.SecurityGroups = append(doc.SecurityGroups, x.group(&p.Groups[i]))
	}
	slices.SortFunc(x.tagged, func(a, b jsonRule) int { return cmp.Compare(a.ID, b.ID) })
	doc.SecurityGroupRules = x.tagged
	for i := range p.Remotes {
		doc.NetworkInterfaces = append(doc.NetworkInterfaces, x.remote(&p.Remotes[i]))
	}
	doc.NetworkACLs = x.networkACLs()
	x.leftOut()
	problems := x.found.Problems()
	problems.Sort()
	if problems.Err() != nil {
		return nil, problems
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ") // as the CLI does
	if err := e.Encode(doc); err != nil {
		panic(err) // texts and numbers are always encoded
	}
	return b.Bytes(), problems
}

// exporter is one run of Export.
type exporter struct {
	p      *policy.Policy
	ids    policy.IDs
	found  policy.Collector
	tagged []jsonRule
	// elsewhere are the names of such lists.
	elsewhere map[string]bool
}

// reserved begins the keys of tags that only AWS sets.
const reserved = "aws:"

// check reports what AWS would refuse, but for what it has made itself. An empty list that
// could be of either family is none that anybody would make in AWS.
func (x *exporter) check() {
	theirs := map[policy.Pos]bool{}
	for i := range x.p.PrefixLists {
		l := &x.p.PrefixLists[i]
		_, known := l.FamilyOf()
		theirs[l.Pos] = theirs[l.Pos] || ownedByAWS(l) || !known
	}
	for _, problem := range policy.Validate(x.p) {
		ours := problem.AWS && (theirs[problem.Pos] ||
			strings.HasPrefix(strings.ToLower(problem.Field), "tags."+reserved))
		if !ours && (problem.AWS || problem.Severity == policy.SeverityError) {
			x.found.Add(problem)
		}
	}
}

func (x *exporter) notice(pos policy.Pos, hint, format string, a ...any) {
	x.found.Add(policy.Problem{Pos: pos, Severity: policy.SeverityNotice, Hint: hint,
		Message: fmt.Sprintf(format, a...)})
}

// ownedByAWS reports a list that AWS manages, by its name.
func ownedByAWS(l *policy.PrefixList) bool {
	return strings.HasPrefix(strings.ToLower(l.Name), "com.amazonaws.")
}

// elsewhere reports a list that stands for a list, or a group, that is not in the policy, and
// has nothing of its own: it is called by its ID, perhaps with an account before.
func elsewhere(l *policy.PrefixList) bool {
	_, id := owner(l.Name)
	return len(l.Entries) == 0 && (policy.GroupID.Check(id) == nil ||
		policy.PrefixListID.Check(l.Name) == nil)
}

// owner parts the name of such a list into account and ID.
func owner(name string) (account, id string) {
	if account, id, ok := strings.Cut(name, "/"); ok {
		return account, id
	}
	return "", name
}

func (x *exporter) list(l *policy.PrefixList) jsonList {
	out := jsonList{PrefixListID: x.ids.PrefixList(l.Name), State: "create-complete", Name: l.Name,
		MaxEntries: l.MaxEntries, Version: 1, OwnerID: noAccount, Entries: []jsonEntry{}}
	if ownedByAWS(l) {
		out.OwnerID = byAWS
	}
	if family, known := l.FamilyOf(); known {
		out.AddressFamily = family.String()
	}
	for _, e := range l.Entries {
		out.Entries = append(out.Entries, jsonEntry{e.CIDR.String(), e.Description})
	}
	return out
}

// tags are those that are not AWS's own.
func (x *exporter) tags(pos policy.Pos, tags map[string]string) []jsonTag {
	var out []jsonTag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if strings.HasPrefix(strings.ToLower(key), reserved) {
			x.notice(pos, "", "tag %q is left out: only AWS sets it", key)
			continue
		}
		out = append(out, jsonTag{key, tags[key]})
	}
	return out
}

func (x *exporter) group(g *policy.Group) jsonGroup {
	out := jsonGroup{GroupID: x.ids.Group(g.Name), Tags: x.tags(g.Pos, g.Tags), VPCID: g.VPCID,
		OwnerID: noAccount, GroupName: g.Name, Description: g.Description}
	if g.Default {
		out.Description = "default VPC security group" // as AWS calls it
	}
	out.Ingress = x.permissions(g, policy.Ingress)
	out.Egress = x.permissions(g, policy.Egress)
	return out
}

// permissions are the rules of a direction; those with protocol and ports in common are one
// (R8).
func (x *exporter) permissions(g *policy.Group, dir policy.Direction) []jsonPermission {
	out := []jsonPermission{}
	type selector struct {
		policy.Protocol
		from, to int
	}
	index := map[selector]int{}
	rules := g.Rules(dir)
	for i := range rules {
		r := &rules[i]
		key := selector{r.Protocol, r.From, r.To}
		at, there := index[key]
		if !there {
			at = len(out)
			index[key] = at
			p := jsonPermission{Protocol: r.Protocol.String(), Pairs: []jsonPair{}, V4: []jsonRange{},
				V6: []jsonRange{}, Lists: []jsonRef{}}
			if r.Protocol.HasPorts() || r.Protocol.IsICMP() { // others have none (R9)
				p.From, p.To = &r.From, &r.To
			}
			out = append(out, p)
		}
		x.peer(&out[at], r)
		if tags := x.tags(r.Pos, r.Tags); len(tags) > 0 {
			x.tagged = append(x.tagged, x.rule(g, dir, r, tags))
		}
	}
	return out
}

// peer adds the peer of a rule to a permission.
func (x *exporter) peer(p *jsonPermission, r *policy.Rule) {
	switch pair, list := x.named(r.Peer); {
	case pair != nil:
		pair.Description = r.Description
		p.Pairs = append(p.Pairs, *pair)
	case list != "":
		p.Lists = append(p.Lists, jsonRef{r.Description, list})
	case r.Peer.CIDR.Addr().Is4():
		p.V4 = append(p.V4, jsonRange{Description: r.Description, V4: r.Peer.CIDR.String()})
	default:
		p.V6 = append(p.V6, jsonRange{Description: r.Description, V6: r.Peer.CIDR.String()})
	}
}

// named is a peer that is a group, or the ID of one that is a list.
func (x *exporter) named(peer policy.Peer) (pair *jsonPair, list string) {
	switch peer.Kind {
	case policy.PeerGroup:
		return &jsonPair{UserID: noAccount, GroupID: x.ids.Group(peer.Name)}, ""
	case policy.PeerPrefixList:
		if !x.elsewhere[peer.Name] {
			return nil, x.ids.PrefixList(peer.Name)
		}
		if account, id := owner(peer.Name); policy.GroupID.Check(id) == nil {
			return &jsonPair{UserID: account, GroupID: id}, ""
		}
		return nil, peer.Name
	}
	return nil, ""
}

func (x *exporter) rule(g *policy.Group, dir policy.Direction, r *policy.Rule,
	tags []jsonTag) jsonRule {
	out := jsonRule{ID: x.ids.Rule(g.Name, dir, r.ID()), GroupID: x.ids.Group(g.Name),
		OwnerID: noAccount, IsEgress: dir == policy.Egress, Protocol: r.Protocol.String(), From: r.From,
		To: r.To, Description: r.Description, Tags: tags}
	switch pair, list := x.named(r.Peer); {
	case pair != nil:
		out.Group = pair
	case list != "":
		out.List = list
	case r.Peer.CIDR.Addr().Is4():
		out.V4 = r.Peer.CIDR.String()
	default:
		out.V6 = r.Peer.CIDR.String()
	}
	return out
}

func (x *exporter) remote(r *policy.Remote) jsonInterface {
	out := jsonInterface{ID: x.ids.Remote(r.Name), OwnerID: noAccount, V4: []jsonAddress{},
		V6: []jsonAddress{}, TagSet: []jsonTag{{"Name", r.Name}}}
	for _, name := range r.Groups {
		out.Groups = append(out.Groups, jsonMembership{x.ids.Group(name), name})
	}
	for _, a := range r.Addresses {
		if a.Is4() {
			out.V4 = append(out.V4, jsonAddress{V4: a.String()})
		} else {
			out.V6 = append(out.V6, jsonAddress{V6: a.String()})
		}
	}
	for _, p := range slices.SortedFunc(slices.Values(r.Prefixes), netip.Prefix.Compare) {
		if p.Addr().Is4() {
			out.V4Prefixes = append(out.V4Prefixes, jsonAddress{V4Prefix: p.String()})
		} else {
			out.V6Prefixes = append(out.V6Prefixes, jsonAddress{V6Prefix: p.String()})
		}
	}
	return out
}

// leftOut says what the document has no place for.
func (x *exporter) leftOut() {
	if n := len(x.p.Interfaces); n > 0 {
		i := &x.p.Interfaces[0]
		x.notice(i.Pos, fmt.Sprintf("import with --attach %s=%s",
			i.Device, cmp.Or(strings.Join(i.Groups, ","), policy.DefaultName)),
			"which devices have which groups is left out")
	}
	if x.p.Settings != policy.DefaultSettings {
		x.notice(policy.Pos{}, "", "settings are left out")
	}
	if x.p.Quotas != policy.DefaultQuotas {
		x.notice(policy.Pos{}, "", "quotas are left out: an import raises them to what is needed")
	}
}
