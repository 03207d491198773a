package cloudformation

import (
	"strings"

	"sgfw/policy"
)

// dynamic begins what CloudFormation puts something else for, such as a secret, wherever it
// stands in a template. There is no way to write it as it is.
const dynamic = "{{resolve:"

// resolved reports texts in which CloudFormation would put something else.
func (x *exporter) resolved() {
	look := func(pos policy.Pos, what string, texts ...string) {
		for _, s := range texts {
			if strings.Contains(s, dynamic) {
				x.found.Add(policy.Problem{Pos: pos, Hint: "reword it", Message: sprintf(
					"%s has %s: CloudFormation would put a parameter or a secret there", what, dynamic)})
				return
			}
		}
	}
	for i := range x.p.PrefixLists {
		l := &x.p.PrefixLists[i]
		look(l.Pos, "the name of a prefix list", l.Name)
		for _, e := range l.Entries {
			look(e.Pos, "the description of an entry", e.Description)
		}
	}
	for i := range x.p.Groups {
		g := &x.p.Groups[i]
		look(g.Pos, "group "+policy.Quote(g.Name), g.Name, g.Description, g.VPCID)
		for _, key := range sortedTags(g.Tags) {
			look(g.Pos, "a tag of group "+policy.Quote(g.Name), key, g.Tags[key])
		}
		for dir := range policy.Direction(2) {
			for _, r := range g.Rules(dir) {
				look(r.Pos, "the description of a rule", r.Description)
			}
		}
	}
	for i := range x.p.Remotes {
		look(x.p.Remotes[i].Pos, "the name of a peer", x.p.Remotes[i].Name)
	}
}
