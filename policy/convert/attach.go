package convert

import (
	"fmt"
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
// groups add up. What is wrong becomes a problem of the result, which then has no policy.
func (r *Result) Attach(attachments ...Attachment) {
	if r.Policy == nil || len(attachments) == 0 {
		return
	}
	preset := r.Policy.Settings.Preset
	for _, a := range attachments {
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
	for _, problem := range policy.Validate(r.Policy) {
		if problem.Severity == policy.SeverityError {
			r.Problems = append(r.Problems, problem)
		}
	}
	if r.Problems.Err() != nil {
		r.Policy = nil
	}
}
