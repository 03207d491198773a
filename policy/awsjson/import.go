package awsjson

import (
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/tree"
)

const (
	// maxParts bounds rules, lists, entries and interfaces, in all.
	maxParts = 100_000
	// maxGroups bounds groups. A region has 2,500 unless AWS was asked for more.
	maxGroups = 20_000
	// maxGroupRules bounds the rules of one direction of a group, which AWS does by family.
	maxGroupRules = 2 * policy.MaxRulesPerInterface
)

// The lists at the top of an answer.
const (
	keyGroups       = "SecurityGroups"
	keyRules        = "SecurityGroupRules"
	keyLists        = "PrefixLists"
	keyEntries      = "Entries"
	keyInterfaces   = "NetworkInterfaces"
	keyReservations = "Reservations"
	keyInstances    = "Instances"
	keyACLs         = "NetworkAcls"
)

var keys = []string{keyGroups, keyRules, keyLists, keyEntries, keyInterfaces, keyReservations,
	keyInstances, keyACLs}

const commands = "of aws ec2 describe-security-groups, describe-security-group-rules, " +
	"describe-managed-prefix-lists, get-managed-prefix-list-entries, describe-network-interfaces, " +
	"describe-instances or describe-network-acls"

// Import reads answers of the AWS CLI. Its errors and notices have positions in them.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	i := &importer{Draft: convert.NewDraft(o), given: o.PrefixLists,
		groups: byID[group]{}, lists: byID[list]{}, interfaces: map[string]int{},
		acls:  byID[networkACL]{},
		names: map[string]string{}, references: map[string]*reference{}, pages: map[string]*pages{}}
	for _, s := range sources {
		i.source(s)
	}
	return i.finish()
}

// importer is one run of Import.
type importer struct {
	*convert.Draft
	given map[string][]policy.PrefixEntry
	file  string // the source that is being read

	groups     byID[group]
	groupIDs   []string // in their order
	lists      byID[list]
	listIDs    []string
	entries    []*entries
	current    *entries // of the document that is being read
	members    []member
	interfaces map[string]int    // of members, by ID
	names      map[string]string // of groups, as interfaces have them
	acls       byID[networkACL]
	aclIDs     []string // in their order
	references map[string]*reference
	referred   []string // in their order
	parts      int
	pages      map[string]*pages
	full       bool
}

// byID are parts by the ID that AWS gave them.
type byID[T any] map[string]*T

// pages counts the documents with a list of one kind.
type pages struct {
	cut, whole int
	pos        policy.Pos // of the first that is cut off
}

func (i *importer) source(s convert.Source) {
	i.file = s.Name
	if what := unreadable(s.Data); what != "" {
		i.Errorf(policy.Pos{File: s.Name, Line: 1, Col: 1}, "use --output json",
			"this is what aws ec2 … --output %s prints, which does not say which value is which", what)
		return
	}
	r := tree.Reader{File: s.Name, Listed: func(key string) bool { return slices.Contains(keys, key) },
		Visit: func(p tree.Part) bool {
			i.part(p)
			return !i.full && !i.Full()
		}}
	if bad := r.Read(s.Data); bad != nil {
		i.Add(bad.Pos, bad)
	}
	i.current = nil
}

// unreadable names the output format of the AWS CLI that a text is in, if it is one for
// people.
func unreadable(data []byte) string {
	line, _, _ := strings.Cut(string(data[:min(len(data), 400)]), "\n")
	word, _, tabbed := strings.Cut(strings.TrimRight(line, "\r"), "\t")
	switch {
	case strings.HasPrefix(line, "-----"):
		return "table"
	case tabbed && word != "" && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ6") == "":
		return "text"
	}
	return ""
}

// part reads a part of a document.
func (i *importer) part(p tree.Part) {
	switch p.Key {
	case "":
		i.document(p.Node)
	case keyGroups:
		i.group(p.Node)
	case keyRules:
		i.rule(p.Node)
	case keyLists:
		i.list(p.Node)
	case keyEntries:
		if p.Node.Get("RuleNumber") != nil {
			i.full = true // the others say nothing else
			i.Errorf(p.Node.Pos(i.file), "import the whole answer, without --query",
				"an entry of a network ACL does not say of which one it is")
			return
		}
		i.entry(p.Node)
	case keyInterfaces:
		i.networkInterface(p.Node, nil)
	case keyReservations:
		i.reservation(p.Node)
	case keyInstances:
		i.instance(p.Node)
	case keyACLs:
		i.networkACL(p.Node)
	}
}

// room reports whether there is room for one more part of the policy.
func (i *importer) room(pos policy.Pos, have, most int, what string) bool {
	if have < most {
		return true
	}
	i.full = true
	i.Errorf(pos, "import what the machine needs: --group-ids, --filters", "more than %d %s", most,
		what)
	return false
}

// count accounts for one more part that is no group.
func (i *importer) count(pos policy.Pos) bool {
	i.parts++
	return i.room(pos, i.parts-1, maxParts, "rules, lists, entries, interfaces and network ACLs")
}

// document reads an object at the top, or an item of a list at the top: an answer, or what
// --query took out of one.
func (i *importer) document(n *tree.Node) {
	pos := n.Pos(i.file)
	if n.Kind == tree.List { // of --query with two lists in it
		for _, item := range n.Items {
			i.document(item)
		}
		return
	}
	if n.Kind != tree.Map {
		i.Errorf(pos, "the answers "+commands, "%s is no security group", n.Kind)
		return
	}
	known := i.answer(n)
	i.endEntries(n)
	if known {
		return
	}
	key := looks(n)
	switch key {
	case "":
		i.Errorf(pos, "the answers "+commands, "this is no answer about security groups")
	case "permission":
		i.Errorf(pos, "import the output of aws ec2 describe-security-groups, which has both",
			"a permission does not say of which group and direction it is")
	default:
		i.part(tree.Part{Key: key, Node: n})
		i.endEntries(n)
	}
}

// answer reads the lists that an answer still has, and reports whether it is one.
func (i *importer) answer(n *tree.Node) (known bool) {
	if looks(n) == keyInstances || looks(n) == keyReservations {
		return false // they have lists of those names in them
	}
	for key, v := range n.Fields() {
		if !slices.Contains(keys, key.Text) {
			continue
		}
		known = true
		i.page(key.Text, n)
		if v.Kind != tree.List && v.Kind != tree.Null {
			i.Errorf(v.Pos(i.file), "", "%s is %s, not a list", key.Text, v.Kind)
		}
		for _, item := range v.List() {
			i.part(tree.Part{Key: key.Text, Node: item})
		}
	}
	return known
}

// looks says in which list an object would be in an answer, by what it has.
func looks(n *tree.Node) string {
	has := func(key string) bool { return n.Get(key) != nil }
	switch {
	case has("SecurityGroupRuleId"):
		return keyRules
	case has("GroupId") && (has("IpPermissions") || has("IpPermissionsEgress") || has("GroupName")):
		return keyGroups
	case has("InstanceId") && has("InstanceType"), has("InstanceId") && has("ImageId"):
		return keyInstances
	case has("ReservationId"):
		return keyReservations
	case has("NetworkAclId") && has("Entries"):
		return keyACLs
	case has("NetworkInterfaceId"):
		return keyInterfaces
	case has("PrefixListId") && has("PrefixListName"):
		return keyLists
	case has("Cidr"):
		return keyEntries
	case has("IpProtocol"), has("IpPermissions"), has("IpPermissionsEgress"):
		return "permission"
	}
	return ""
}

// page notes whether an answer goes on in another one.
func (i *importer) page(key string, n *tree.Node) {
	p := i.pages[key]
	if p == nil {
		p = &pages{}
		i.pages[key] = p
	}
	more := n.Get("NextToken")
	switch {
	case more == nil:
		p.whole++
	case p.cut == 0:
		p.pos = more.Pos(i.file)
		fallthrough
	default:
		p.cut++
	}
}

// finish makes the policy.
func (i *importer) finish() convert.Result {
	for _, key := range keys {
		if p := i.pages[key]; p != nil && p.cut > 0 && p.whole == 0 {
			i.Errorf(p.pos, "leave out --max-items and --no-paginate, or add the answers that follow",
				"there are more %s than this answer has", key)
		}
	}
	if len(i.groups) == 0 && !i.Failed() {
		if i.pages[keyGroups] != nil {
			i.Errorf(policy.Pos{File: i.file}, "ask another region or account: --region, --profile",
				"the answer has no security group")
		} else {
			i.Errorf(policy.Pos{File: i.file}, "add that of aws ec2 describe-security-groups",
				"no answer has a security group")
		}
	}
	if i.Failed() {
		return i.Finish() // what is missing may be what could not be read
	}
	i.matchEntries()
	i.placeLists()
	i.placeGroups()
	i.placeForeign()
	i.placeMembers()
	i.placeACLs()
	i.unusedLists()
	r := i.Finish()
	r.Partial = i.pages[keyInterfaces] == nil
	return r
}
