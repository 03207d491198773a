package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Op says what happened to a part between two policies.
type Op uint8

const (
	Added Op = iota
	Removed
	Changed
)

// String is "+", "-" or "~".
func (o Op) String() string { return string("+-~"[min(o, Changed)]) }

// Change is one difference between two policies.
type Change struct {
	Op Op
	// Part is what it belongs to, such as "group web", "device eth0" or
	// "settings".
	Part string
	// What is the thing itself, such as "ingress tcp 443 0.0.0.0/0"; empty for
	// the part as a whole.
	What string
	// ID is that of the rule if What is one, else of the part; "" where there is
	// none or the policies have no IDs.
	ID string
}

// String is the change in one line: "+ group web: ingress tcp 443 0.0.0.0/0".
func (c Change) String() string {
	if c.What == "" {
		return c.Op.String() + " " + c.Part
	}
	return c.Op.String() + " " + c.Part + ": " + c.What
}

// Diff lists what changes from one valid policy to another: by part, in order of
// name, removed before added. Where things were written and in which order does
// not count; there are no changes exactly when both policies mean the same and
// describe it the same way.
func Diff(from, to *Policy) []Change {
	d := &differ{ids: to.IDs}
	diffNamed(d, "prefix list", from.PrefixLists, to.PrefixLists,
		func(l PrefixList) string { return l.Name }, func(a, b *PrefixList) {
			d.sets(entries(a), entries(b))
			d.value("max_entries", a.MaxEntries, b.MaxEntries)
			d.value("address_family", familyName(a), familyName(b))
		})
	diffNamed(d, "group", from.Groups, to.Groups, func(g Group) string { return g.Name },
		func(a, b *Group) {
			d.value("description", Quote(a.Description), Quote(b.Description))
			d.sets(tags(a.Tags), tags(b.Tags))
			for _, dir := range []Direction{Ingress, Egress} {
				d.rule = func(what string) string { return d.ruleID(dir, what, a, b) }
				d.sets(rules(dir, a), rules(dir, b))
				d.ruleTags(dir, a, b)
			}
			d.rule = nil
			d.value("vpc_id", Quote(a.VPCID), Quote(b.VPCID))
		})
	diffNamed(d, "network ACL", from.NetworkACLs, to.NetworkACLs,
		func(n NetworkACL) string { return n.Name }, func(a, b *NetworkACL) {
			d.sets(tags(a.Tags), tags(b.Tags))
			for _, dir := range []Direction{Ingress, Egress} {
				d.sets(aclRules(dir, a), aclRules(dir, b))
			}
		})
	diffNamed(d, "device", from.Interfaces, to.Interfaces,
		func(n Interface) string { return n.Device }, func(a, b *Interface) {
			d.value("mode", a.Mode, b.Mode)
			d.value("view", a.View, b.View)
			d.sets(each("group", a.Groups), each("group", b.Groups))
			d.value("network_acl", aclName(a.NetworkACL), aclName(b.NetworkACL))
			d.sets(each("address", ownTexts(a.Own())), each("address", ownTexts(b.Own())))
			d.value("source_dest_check", a.SourceDestCheck, b.SourceDestCheck)
			d.value("scope", scopeName(a.Scope), scopeName(b.Scope))
			d.value("max_flows", guaranteeName(a.MaxFlows), guaranteeName(b.MaxFlows))
			for _, t := range timeoutRanges {
				d.value(t.key, inSeconds(t.get(a.Timeouts)), inSeconds(t.get(b.Timeouts)))
			}
		})
	diffNamed(d, "peer", from.Remotes, to.Remotes, func(r Remote) string { return r.Name },
		func(a, b *Remote) {
			d.sets(each("group", a.Groups), each("group", b.Groups))
			d.sets(each("address", ownTexts(a.Own())), each("address", ownTexts(b.Own())))
		})
	d.part, d.id, d.whole = "quotas", "", false
	for _, k := range quotaKeys {
		d.value(k.key, *k.get(&from.Quotas), *k.get(&to.Quotas))
	}
	d.part = "settings"
	a, b := from.Settings, to.Settings
	d.value("preset", a.Preset, b.Preset)
	d.value("tracking", a.Tracking, b.Tracking)
	d.value("icmp_errors", a.ICMPErrors, b.ICMPErrors)
	d.value("exempt", a.Exempt, b.Exempt)
	d.value("datapath", a.Datapath, b.Datapath)
	d.value("offload.mark_bits", a.Offload.MarkBits, b.Offload.MarkBits)
	d.value("offload.lifetime", inSeconds(a.Offload.Lifetime), inSeconds(b.Offload.Lifetime))
	for _, l := range Failsafes() {
		d.value("failsafe."+l.String(), !a.CutFailsafes.Has(l), !b.CutFailsafes.Has(l))
	}
	d.value("on_stop", a.OnStop, b.OnStop)
	for _, f := range failures {
		d.value("on_failure."+f.key, *f.get(&a), *f.get(&b))
	}
	d.value("queues.base", a.QueueBase, b.QueueBase)
	d.value("queues.count", a.QueueCount, b.QueueCount)
	d.value("queues.balance", a.QueueBalance, b.QueueBalance)
	d.value("queues.busy_poll", a.QueueBusyPoll, b.QueueBusyPoll)
	d.value("queue_driver", a.QueueDriver, b.QueueDriver)
	d.value("max_flows", a.MaxFlows, b.MaxFlows)
	d.flowLog(a.FlowLog, b.FlowLog)
	d.value("watch", a.Watch, b.Watch)
	d.value("metrics.listen", word(a.Metrics.Listen), word(b.Metrics.Listen))
	return d.changes
}

// differ collects the changes of one part after the other.
type differ struct {
	part string
	// whole is true while the part is new or gone: single values of it are no
	// changes then.
	whole   bool
	changes []Change
	ids     IDs
	// id is that of the part; rule finds that of a rule while rules are compared.
	id   string
	rule func(what string) string
}

func (d *differ) add(op Op, what string) {
	d.changes = append(d.changes, Change{Op: op, Part: d.part, What: what, ID: d.id})
}

// item is add for one element of a set; key tells its rule, if it is one.
func (d *differ) item(op Op, key, what string) {
	d.add(op, what)
	if d.rule != nil {
		d.changes[len(d.changes)-1].ID = d.rule(key)
	}
}

// partID is the ID of a part, "" for what has none: a pattern stands for devices
// that have one each.
func (d *differ) partID(kind, name string) string {
	switch kind {
	case "group":
		return d.ids.Group(name)
	case "prefix list":
		return d.ids.PrefixList(name)
	case "network ACL":
		return d.ids.NetworkACL(name)
	case "peer":
		return d.ids.Remote(name)
	case "device":
		if !strings.HasSuffix(name, "*") {
			return d.ids.Interface(name)
		}
	}
	return ""
}

// ruleID is the ID of a rule that a change calls `what`, in a group before and after
// the change; "" when neither has it.
func (d *differ) ruleID(dir Direction, what string, a, b *Group) string {
	for _, g := range []*Group{a, b} {
		for i := range g.Rules(dir) {
			if r := &g.Rules(dir)[i]; ruleWords(dir, r) == what {
				return d.ids.Rule(g.Name, dir, r.ID())
			}
		}
	}
	return ""
}

// ruleTags reports the tags that change of rules that stay.
func (d *differ) ruleTags(dir Direction, a, b *Group) {
	before := make(map[RuleID]map[string]string)
	for _, r := range a.Rules(dir) {
		if len(r.Tags) > 0 {
			before[r.ID()] = r.Tags
		}
	}
	whole := d.rule
	stays := make(map[RuleID]bool, len(a.Rules(dir)))
	for _, r := range a.Rules(dir) {
		stays[r.ID()] = true
	}
	for _, r := range b.Rules(dir) {
		if id := r.ID(); stays[id] && len(before[id])+len(r.Tags) > 0 {
			what := ruleWords(dir, &r)
			d.rule = func(string) string { return whole(what) }
			of := func(all map[string]string) map[string]string {
				m := make(map[string]string, len(all))
				for k, v := range tags(all) {
					m[what+" "+k] = v
				}
				return m
			}
			d.sets(of(before[r.ID()]), of(r.Tags))
		}
	}
	d.rule = whole
}

// value reports a single value that has changed.
func (d *differ) value(key string, from, to any) {
	if from != to && !d.whole {
		d.add(Changed, fmt.Sprintf("%s %v → %v", key, from, to))
	}
}

// sets reports what is in one set and not in the other, and what has another
// note in both; the sets map things to notes.
func (d *differ) sets(from, to map[string]string) {
	for _, what := range sortedKeys(from) {
		if _, ok := to[what]; !ok {
			d.item(Removed, what, what)
		}
	}
	for _, what := range sortedKeys(to) {
		note, ok := from[what]
		switch {
		case !ok:
			d.item(Added, what, what)
		case note != to[what]:
			d.item(Changed, what, fmt.Sprintf("%s: %s → %s", what, Quote(note), Quote(to[what])))
		}
	}
}

// diffNamed pairs parts by name; one that is not there counts as empty.
func diffNamed[T any](d *differ, kind string, from, to []T, name func(T) string,
	diff func(a, b *T)) {
	index := func(parts []T) map[string]*T {
		m := make(map[string]*T, len(parts))
		for i := range parts {
			m[name(parts[i])] = &parts[i]
		}
		return m
	}
	old, now := index(from), index(to)
	names := slices.Sorted(maps.Keys(old))
	names = slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(names, maps.Keys(now)))))
	for _, n := range names {
		d.part, d.id = kind+" "+n, d.partID(kind, n)
		a, b := old[n], now[n]
		d.whole = a == nil || b == nil
		switch {
		case a == nil:
			d.add(Added, "")
			diff(new(T), b)
		case b == nil:
			d.add(Removed, "")
			diff(a, new(T))
		default:
			diff(a, b)
		}
	}
}
