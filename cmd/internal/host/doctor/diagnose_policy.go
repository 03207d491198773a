package doctor

import (
	"errors"
	"os"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/policy"
	"sgfw/policy/devices"
	"sgfw/policy/member"
)

func (j *judge) facts() member.Facts { return member.Facts{Links: j.Links} }

// asManaged are the devices with the altnames that they have lost, but by which the daemon
// goes on managing them.
func (j *judge) asManaged() []member.Link {
	out := slices.Clone(j.Links)
	if j.Daemon == nil {
		return out
	}
	for _, in := range j.Daemon.Interfaces {
		for _, c := range in.Covered {
			i := slices.IndexFunc(out, func(l member.Link) bool {
				return l.Index == c.Index && l.Name == c.Name
			})
			if _, there := j.facts().Named(in.Device); i < 0 || there || strings.HasSuffix(in.Device, "*") {
				continue
			}
			out[i].Altnames = append(slices.Clone(out[i].Altnames), in.Device)
		}
	}
	return out
}

// managed reports whether the policy names a device.
func (j *judge) managed(device string) bool {
	_, ok := j.governed[device]
	return ok
}

func (j *judge) forwarding() {
	guests := j.Policy != nil && slices.ContainsFunc(j.Policy.Interfaces,
		func(n policy.Interface) bool { return n.Mode == policy.ModeGuest })
	for i, family := range []string{"IPv4", "IPv6"} {
		key := []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"}[i]
		if guests && !j.Forwarding[i] {
			level := api.LevelWarning
			if i == 1 {
				level = api.LevelNote
			}
			j.add("forwarding", level, "sysctl -w "+key+"=1",
				"the policy protects guests, but this machine does not forward %s: they reach nothing but it",
				family)
		}
	}
}

// policy reports whether there is one to compare ports with.
func (j *judge) policy() bool {
	switch {
	case j.PolicyFile == "":
		j.add("policy", api.LevelNote, "-c FILE names one",
			"no policy of this network namespace is known: ports are not compared with one")
		return false
	case j.PolicyErr == nil && j.Policy == nil:
		return false
	case errors.Is(j.PolicyErr, os.ErrNotExist):
		j.add("policy", api.LevelNote, "-c FILE names another one",
			"there is no policy %s: ports are not compared with one", j.PolicyFile)
		return false
	case j.PolicyErr != nil:
		level, hint := api.LevelProblem, "sgfw check "+j.PolicyFile
		if errors.Is(j.PolicyErr, os.ErrPermission) {
			level, hint = api.LevelNote, "run it as root"
		}
		message, _, _ := strings.Cut(j.PolicyErr.Error(), "\n")
		j.add("policy", level, hint, "the policy cannot be used: %s", message)
		return false
	}
	if w := j.Writable; w.Who != "" {
		level := api.LevelNote
		if w.Who == source.Everybody {
			level = api.LevelWarning
		}
		j.add("policy", level, w.Hint(),
			"%s can change %s, and so what is enforced after the next reload", w.Who, j.PolicyFile)
	}
	if j.LinksErr != nil {
		j.add("devices", api.LevelWarning, "", "the network devices cannot be listed: %v", j.LinksErr)
		return false
	}
	for _, p := range devices.Missing(j.Policy, j.facts()) {
		if j.Daemon != nil && slices.ContainsFunc(j.Daemon.Warnings,
			func(w api.Problem) bool { return w.Message == p.Message }) {
			continue // the daemon has said so
		}
		level := api.LevelNote
		if p.Severity == policy.SeverityWarning {
			level = api.LevelWarning
		}
		j.add("devices", level, p.Hint, "%s", p.Message)
	}
	for _, p := range devices.Twins(j.Policy, j.facts()) {
		j.add("devices", api.LevelProblem, p.Hint, "%s", p.Message)
	}
	for _, p := range devices.Ports(j.Policy, j.facts(), j.Masters) {
		j.add("devices", api.LevelProblem, p.Hint, "%s", p.Message)
	}
	return true
}
