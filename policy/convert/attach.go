package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sgfw/policy"
)

// Attachment says which groups a device gets, by their names or by what else they are
// called, see [Result.Names].
type Attachment struct {
	Device string
	Groups []string
}

// ParseAttachment reads an attachment as the command line has it: eth0=web,ssh.
func ParseAttachment(s string) (Attachment, error) {
	device, list, ok := strings.Cut(s, "=")
	if !ok || device == "" || list == "" {
		return Attachment{}, fmt.Errorf("%q is not DEVICE=GROUP, such as eth0=web,ssh", s)
	}
	return Attachment{Device: device, Groups: strings.Split(list, ",")}, nil
}

// Attach adds interfaces to the policy of a result. Of several attachments to one device the
// groups add up. What is wrong becomes a problem of the result, which then has no policy; that
// the sources say something of a device already is a notice.
func (r *Result) Attach(attachments ...Attachment) {
	if r.Policy == nil || len(attachments) == 0 {
		return
	}
	preset := r.Policy.Settings.Preset
	theirs := slices.Clone(r.Policy.Interfaces)
	for _, a := range attachments {
		r.notAlone(theirs, a)
		i := slices.IndexFunc(r.Policy.Interfaces,
			func(n policy.Interface) bool { return n.Device == a.Device })
		if i < 0 {
			i = len(r.Policy.Interfaces)
			r.Policy.Interfaces = append(r.Policy.Interfaces, policy.Interface{Device: a.Device,
				Timeouts: preset.Timeouts(), View: preset.View()})
		}
		n := &r.Policy.Interfaces[i]
		for _, name := range a.Groups {
			if known, there := r.Names[name]; there {
				name = known
			}
			if name != policy.DefaultName && r.Policy.Group(name) == nil {
				r.Problems = append(r.Problems, r.noGroup(a.Device, name))
				continue
			}
			if !slices.Contains(n.Groups, name) {
				n.Groups = append(n.Groups, name)
			}
			if name == policy.DefaultName && r.Policy.Group(name) == nil {
				r.Policy.Groups = append(r.Policy.Groups, policy.DefaultGroup())
			}
		}
		q := &r.Policy.Quotas
		if len(n.Groups) > q.GroupsPerInterface && len(n.Groups) <= policy.MaxGroupsPerInterface &&
			q.RulesPerGroup*len(n.Groups) <= policy.MaxRulesPerInterface {
			q.GroupsPerInterface = len(n.Groups)
		}
	}
	if r.Problems.Err() != nil { // what it leaves undone is no second mistake
		r.Policy = nil
		return
	}
	for _, problem := range policy.Validate(r.Policy) {
		if problem.Severity == policy.SeverityError {
			r.Problems = append(r.Problems, problem)
		}
	}
	if r.Problems.Err() != nil {
		r.Policy = nil
	}
}

// notAlone says what becomes of the groups that the sources gave to a device: they add up, or
// those of a pattern are not the device's any more.
func (r *Result) notAlone(theirs []policy.Interface, a Attachment) {
	var governs *policy.Interface
	for i := range theirs {
		n := &theirs[i]
		if n.Matches(a.Device) && (governs == nil ||
			policy.CompareDevices(n.Device, governs.Device) < 0) {
			governs = n
		}
	}
	if governs == nil {
		return
	}
	groups := abridged(governs.Groups)
	p := policy.Problem{Pos: governs.Pos, Severity: policy.SeverityNotice,
		Message: fmt.Sprintf("%s has %s here, and gets what --attach says beside them", a.Device, groups),
		Hint:    "what any of its groups permits may pass: leave out --attach if those are enough"}
	if governs.Device != a.Device {
		p.Message = fmt.Sprintf("%s has %s here by %s, and gets what --attach says in place of them",
			a.Device, groups, governs.Device)
		p.Hint = "name them in --attach, too, if it is to keep them"
	} else if !slices.ContainsFunc(a.Groups, func(name string) bool {
		if known, there := r.Names[name]; there {
			name = known
		}
		return !slices.Contains(governs.Groups, name)
	}) {
		return // nothing is added
	}
	r.Problems = append(r.Problems, p)
}

// abridged names the groups of a device.
func abridged(groups []string) string {
	switch n := len(groups); {
	case n == 1:
		return "group " + groups[0]
	case n > maxNamed:
		return fmt.Sprintf("groups %s and %d more", strings.Join(groups[:maxNamed], ", "), n-maxNamed)
	case n == 0:
		return "no group"
	}
	return "groups " + strings.Join(groups, ", ")
}

// maxNamed is how many groups are named to somebody who named none of them.
const maxNamed = 5

// noGroup says that no group has a name, and which ones there are.
func (r *Result) noGroup(device, name string) policy.Problem {
	return policy.Problem{Code: policy.GroupNotFound, Hint: r.meant(name),
		Message: fmt.Sprintf("--attach %s: no group is called %q", device, name)}
}

// meant names the groups that a name is most like: one with a typing mistake, those that
// have the name as a part, or else the first ones.
func (r *Result) meant(name string) string {
	names := make([]string, 0, len(r.Policy.Groups))
	for i := range r.Policy.Groups {
		names = append(names, r.Policy.Groups[i].Name)
	}
	also := slices.Sorted(maps.Keys(r.Names))
	for _, all := range [][]string{names, also} {
		// A shell takes the quotes of aws_security_group.tier["web"].
		for _, n := range all {
			if strings.ReplaceAll(n, `"`, "") == name {
				return "did you mean '" + n + "'? Mind the quotes"
			}
		}
	}
	part := strings.ToLower(name)
	var like []string
	for _, n := range names {
		if strings.Contains(strings.ToLower(n), part) {
			like = append(like, n)
		}
	}
	if near := policy.Suggest(name, append(slices.Clone(names), also...)); near != "" &&
		len(like) == 0 {
		like = []string{near}
	}
	switch {
	case len(names) == 0:
		return "there are no groups"
	case len(like) > 0:
		return "did you mean " + listed(like, " or ") + "?"
	}
	return "the groups are " + listed(names, " and ")
}

// listed are the first of several names in words.
func listed(names []string, last string) string {
	if more := len(names) - maxNamed; more > 0 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf("%s%d more", last, more)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + last + names[len(names)-1]
}
