package compare

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// interfaces compares what the groups of each device permit together. A device that one
// policy has by its name may be one of a pattern of the other.
func (c *comparison) interfaces() (out []Part) {
	if len(c.before.Interfaces) == 0 || len(c.after.Interfaces) == 0 {
		return nil
	}
	var devices []string
	for _, s := range []*side{&c.before, &c.after} {
		for i := range s.Interfaces {
			devices = append(devices, s.Interfaces[i].Device)
		}
	}
	slices.Sort(devices)
	before, after := c.before.Devices(), c.after.Devices()
	for _, device := range slices.Compact(devices) {
		i, was := before.Match(witness(device))
		j, is := after.Match(witness(device))
		p := Part{Name: device, Op: policy.Changed}
		switch {
		case !was:
			p.Op, p.Ungoverned = policy.Added, true
		case !is:
			p.Op, p.Ungoverned = policy.Removed, true
		default:
			a, b := &c.before.Interfaces[i], &c.after.Interfaces[j]
			p.Opened, p.Closed = c.between(a.Groups, b.Groups)
			c.value(&p, "mode", a.Mode, b.Mode)
			c.value(&p, "view", a.View, b.View)
			c.networkACL(&p, a.NetworkACL, b.NetworkACL)
			c.value(&p, "source_dest_check", a.SourceDestCheck, b.SourceDestCheck)
		}
		if p.Opens() || p.Closes() {
			out = append(out, p)
		}
	}
	return out
}

// networkACL says what the network ACL of a device allows that the one before denied, and the
// reverse: it judges each packet, whatever groups permit.
func (c *comparison) networkACL(p *Part, before, after string) {
	was, is := c.before.NetworkACL(before), c.after.NetworkACL(after)
	if was == nil && is == nil {
		return
	}
	var allowed, denied [2]space.Set
	differs := false
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		a, b := space.Allowed(was, d), space.Allowed(is, d)
		allowed[d], denied[d] = b.Minus(a), a.Minus(b)
		differs = differs || !a.Equal(b)
	}
	if differs && c.counts("network_acl") {
		p.Allowed, p.Denied = allowed, denied
	}
}

// witness is a device that a name or a pattern governs, and no longer pattern does.
func witness(device string) string {
	if stem, pattern := strings.CutSuffix(device, "*"); pattern {
		return stem + "\x00"
	}
	return device
}

func (c *comparison) value(p *Part, key string, before, after any) {
	if before != after && c.counts(key) {
		p.Other = append(p.Other, fmt.Sprintf("%s %v → %v", key, before, after))
	}
}

// counts reports whether a key that is different is a difference, and remembers it if not.
func (c *comparison) counts(key string) bool {
	if slices.Contains(c.unsaid, key) {
		c.leftOut[key] = true
		return false
	}
	return true
}

// settings compares what decides on packets of every device beside rules.
func (c *comparison) settings() (out []string) {
	if len(c.before.Interfaces) == 0 || len(c.after.Interfaces) == 0 {
		return nil
	}
	for _, change := range policy.Diff(&policy.Policy{Settings: c.before.Settings},
		&policy.Policy{Settings: c.after.Settings}) {
		key, _, _ := strings.Cut(change.What, " ")
		key, _, _ = strings.Cut(key, ".")
		if slices.Contains(BesideRules(), key) && c.counts(key) {
			out = append(out, change.What)
		}
	}
	return out
}
