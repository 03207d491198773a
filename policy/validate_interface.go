package policy

import (
	"cmp"
	"fmt"
	"net/netip"
)

// attached checks the groups of an interface or remote (R49, Q6).
func (v *validator) attached(pos Pos, what string, groups []string) {
	if len(groups) == 0 {
		v.errorf(pos, "security_groups", MissingParameter,
			"an interface always has a group; one without rules denies all",
			"%s has no security groups", what)
	}
	if len(groups) > v.q.GroupsPerInterface {
		v.errorf(pos, fmt.Sprintf("security_groups[%d]", v.q.GroupsPerInterface), InterfaceGroupsExceeded,
			fmt.Sprintf("at most %d, see quotas.security_groups_per_interface", v.q.GroupsPerInterface),
			"%s has %d security groups", what, len(groups))
	}
	seen := make(map[string]bool, len(groups))
	for i, name := range groups {
		field := fmt.Sprintf("security_groups[%d]", i)
		v.knownGroup(pos, field, name)
		if seen[name] {
			v.errorf(pos, field, InvalidParameterValue, "remove one", "group %s stands twice", Quote(name))
		}
		seen[name] = true
	}
}

// addresses checks the addresses and prefixes of an interface or a peer. Only a guest
// says which link-local addresses it has: they count on its link alone.
func (v *validator) addresses(pos Pos, list []netip.Prefix, mode Mode) {
	seen := make(map[netip.Prefix]bool, len(list))
	for i, p := range list {
		field := fmt.Sprintf("addresses[%d]", i)
		if bad := CheckOwnOf(mode, p); bad != nil {
			bad.Field = field
			v.report(pos, bad)
		}
		if seen[p] {
			v.errorf(pos, field, InvalidParameterValue, "remove one", "address %s stands twice",
				OwnText(p))
		}
		seen[p] = true
	}
}

func (v *validator) interfaces() {
	if len(v.p.Interfaces) == 0 {
		v.report(Pos{}, &Problem{Field: "interfaces", Severity: SeverityWarning,
			Message: "no interface has a group: nothing is filtered",
			Hint:    "attach groups to a device under interfaces"})
	}
	seen := make(map[string]Pos)
	for i := range v.p.Interfaces {
		n := &v.p.Interfaces[i]
		what := "device " + Quote(n.Device)
		v.report(n.Pos, cmp.Or(CheckDevice(n.Device), shownByIP(n.Device)))
		if first, dup := seen[n.Device]; dup && n.Device != "" {
			v.errorf(n.Pos, "device", InvalidParameterValue, "one entry for each device",
				"%s is managed already%s", what, see(first))
		} else {
			seen[n.Device] = n.Pos
		}
		if n.Mode > ModeGuest {
			v.errorf(n.Pos, "mode", InvalidParameterValue, "", "unknown mode %d", n.Mode)
		}
		if n.View > ViewWire {
			v.errorf(n.Pos, "view", InvalidParameterValue, "", "unknown view %d", n.View)
		}
		v.attached(n.Pos, what, n.Groups)
		v.knownACL(n)
		v.addresses(n.Pos, n.Own(), n.Mode)
		v.sourceDestCheck(n, what)
		v.scope(n, what)
		if n.MaxFlows != 0 && (n.MaxFlows < MinGuarantee || n.MaxFlows > MaxMaxFlows) {
			v.errorf(n.Pos, "max_flows", InvalidParameterValue,
				fmt.Sprintf("%d to %d; left out, equal parts of half the table", MinGuarantee, MaxMaxFlows),
				"max_flows %d is out of range", n.MaxFlows)
		}
		for _, t := range timeoutRanges {
			if d := t.get(n.Timeouts); d < t.low || d > t.high {
				v.errorf(n.Pos, "connection_tracking."+t.key, InvalidParameterValue,
					fmt.Sprintf("%.0f to %.0f seconds", t.low.Seconds(), t.high.Seconds()),
					"%s %.0f is out of range", t.key, d.Seconds())
			}
		}
	}
}

// guarantees reports interfaces that are guaranteed more than there is (T30). A pattern
// counts once, whatever it names.
func (v *validator) guarantees() {
	limit, sum, silent := v.p.Settings.MaxFlows, 0, 0
	var last *Interface
	for i := range v.p.Interfaces {
		n := &v.p.Interfaces[i]
		switch {
		case n.MaxFlows == 0:
			silent++
		case n.MaxFlows >= MinGuarantee && n.MaxFlows <= MaxMaxFlows:
			sum += n.MaxFlows
			last = n
		}
	}
	if last == nil {
		return
	}
	hint := "less for some interfaces, or more in settings.max_flows"
	switch left := limit - sum; {
	case left < 0:
		v.errorf(last.Pos, "max_flows", InvalidParameterCombination, hint,
			"the interfaces are guaranteed %d flows together, settings.max_flows is %d", sum, limit)
	case left < silent*MinGuarantee:
		v.errorf(last.Pos, "max_flows", InvalidParameterCombination, hint,
			"of settings.max_flows %d the guarantees leave %d: too few for %d more without max_flows",
			limit, left, silent)
	}
}

// sourceDestCheck reports a source/destination check that is impossible (D9), or that
// lets the devices of a pattern use each other's addresses.
func (v *validator) sourceDestCheck(n *Interface, what string) {
	switch {
	case !n.SourceDestCheck:
	case n.Mode == ModeHost:
		v.errorf(n.Pos, "source_dest_check", InvalidParameterCombination,
			"leave it out; the kernel checks the sources of a host's own device, see "+
				"net.ipv4.conf.*.rp_filter",
			"%s has mode host: source_dest_check is for guests", what)
	case !n.Listed():
		v.errorf(n.Pos, "source_dest_check", InvalidParameterCombination,
			"list the guest's addresses under addresses",
			"%s has source_dest_check and no addresses", what)
	case n.Pattern():
		v.report(n.Pos, &Problem{Field: "device", Severity: SeverityNotice,
			Message: fmt.Sprintf("%s shares its addresses between all guests that it names: they can take "+
				"each other's", what),
			Hint: "one entry for each guest keeps them apart"})
	}
}

// scope checks the name of a shared scope, and that only host interfaces share. What a
// guest sends through this machine leaves the guest and this machine in the same
// direction: one flow would then count for the groups of both devices. And a flow that
// one guest opened would be open to another.
func (v *validator) scope(n *Interface, what string) {
	if n.Scope == "" {
		return
	}
	if bad := checkName("scope", n.Scope); bad != nil {
		bad.Field = "scope"
		v.report(n.Pos, bad)
		return
	}
	if n.Mode == ModeGuest {
		v.errorf(n.Pos, "scope", InvalidParameterCombination,
			"leave it out; scope is for the devices of this machine that lead to the same network",
			"%s has mode guest: a guest shares its flows with no one", what)
		return
	}
	if n.Pattern() {
		return
	}
	for i := range v.p.Interfaces {
		if o := &v.p.Interfaces[i]; o != n && o.Scope == n.Scope {
			return
		}
	}
	v.report(n.Pos, &Problem{Field: "scope", Severity: SeverityNotice,
		Message: fmt.Sprintf("%s is alone in scope %s: it shares its flows with no one", what,
			Quote(n.Scope)),
		Hint: "give the other devices the same scope, or leave it out"})
}

func (v *validator) remotes() {
	seen := make(map[string]Pos)
	for i := range v.p.Remotes {
		r := &v.p.Remotes[i]
		v.report(r.Pos, checkName("peer", r.Name))
		v.unique(seen, "peer", r.Name, "", r.Pos)
		v.attached(r.Pos, "peer "+Quote(r.Name), r.Groups)
		if !r.Listed() {
			v.errorf(r.Pos, "addresses", MissingParameter, "a peer is its addresses",
				"peer %s has no addresses", Quote(r.Name))
		}
		v.addresses(r.Pos, r.Own(), ModeHost)
	}
}
