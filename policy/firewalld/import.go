package firewalld

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/iptables"
)

// files is what the sources have.
type files struct {
	d        *convert.Draft
	open     bool // limits are taken as if there were none
	zones    []*element
	policies []*between
	names    map[*element]string
	services map[string]*service
	sets     chains.Lists
	first    string // the default zone
	said     map[policy.Pos]bool
}

// maxZones bounds how many zones there may be.
const maxZones = 64

// Import reads zones, and with them services, ipsets and firewalld.conf.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	f := &files{d: convert.NewDraft(o), open: o.Vars["limits"] == "open",
		services: map[string]*service{},
		names:    map[*element]string{}, sets: chains.Lists{}, said: map[policy.Pos]bool{}}
	for name, entries := range o.PrefixLists {
		f.sets[name] = policy.PrefixList{Name: name, Entries: entries,
			Pos: policy.Pos{File: "not in the sources: " + name}}
	}
	for _, s := range sources {
		f.read(s)
	}
	if len(f.zones) == 0 && !f.d.Failed() {
		at := policy.Pos{}
		if len(sources) > 0 {
			at.File = sources[0].Name
		}
		f.d.Errorf(at, "give files of /etc/firewalld/zones", "there is no zone")
	}
	f.sortPolicies()
	if len(f.zones) > maxZones {
		f.d.Errorf(f.zones[maxZones].pos, "", "there are more than %d zones", maxZones)
	}
	if f.d.Failed() {
		return f.d.Finish()
	}
	attach, errors := f.translate()
	r := f.d.Finish()
	r.Attach(attach...)
	if r.Policy != nil {
		r.Policy.Settings.ICMPErrors = errors
	}
	return r
}

// read reads one file.
func (f *files) read(s convert.Source) {
	name := strings.TrimSuffix(path.Base(s.Name), ".xml")
	if !bytes.Contains(s.Data, []byte("<")) && bytes.Contains(s.Data, []byte("DefaultZone=")) {
		for line := range strings.SplitSeq(string(s.Data), "\n") {
			if zone, is := strings.CutPrefix(strings.TrimSpace(line), "DefaultZone="); is {
				f.first = zone
			}
		}
		return
	}
	e, bad := parse(s)
	if bad != nil {
		f.d.Add(bad.Pos, bad)
		return
	}
	switch e.name {
	case "zone":
		f.zones = append(f.zones, e)
		for other, n := range f.names {
			if n == name {
				f.d.Errorf(e.pos, "of two, that of /etc/firewalld counts",
					"%s has a zone %q, too", other.pos.File, name)
			}
		}
		f.names[e] = name
	case "service":
		f.services[name] = serviceOf(e)
	case "ipset":
		f.set(name, e)
	case "policy":
		f.policy(name, e)
	case "direct":
		f.direct(e)
	case "helper", "icmptype", "whitelist": // they decide about no packet by themselves
	default:
		f.d.Errorf(e.pos, "zones, policies, services and ipsets are read", "<%s> is unknown", e.name)
	}
}

// set reads an ipset. Those of ports, hardware addresses and others are not there.
func (f *files) set(name string, e *element) {
	if t := e.attrs["type"]; t != "hash:net" && t != "hash:ip" {
		return
	}
	l := policy.PrefixList{Name: name, Pos: e.pos}
	for _, c := range e.children {
		if c.name != "entry" {
			continue
		}
		if len(l.Entries) == chains.MaxEntries {
			f.d.Errorf(c.pos, "", "the ipset has more than %d entries", chains.MaxEntries)
			break
		}
		p, ok := iptables.Prefix(c.text)
		if !ok {
			f.d.Errorf(c.pos, "such as 192.0.2.0/24", "%q is no address", c.text)
			continue
		}
		l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: p, Pos: c.pos})
	}
	f.sets[name] = l
}

// translate makes the groups.
func (f *files) translate() (attach []convert.Attachment, errors policy.ICMPErrors) {
	families := []policy.Family{policy.IPv4, policy.IPv6}
	var firewalls = map[*element][]chains.Firewall{}
	for _, family := range families {
		all := [2]map[string]*chains.Chain{f.policyChains(family, policy.Ingress),
			f.policyChains(family, policy.Egress)}
		for _, z := range f.zones {
			all[policy.Ingress][f.names[z]] = f.chainOf(z, family)
		}
		for _, z := range f.zones {
			var sources []chains.Rule // what goes by address goes first
			for _, other := range f.byPriority() {
				if f.priority(other) > f.priority(z) {
					break // the device says it
				}
				f.sources(other, family, func(c *element, m chains.Match) {
					sources = append(sources, chains.Rule{Pos: c.pos, Match: m, Verdict: chains.Goto,
						To: f.names[other]})
				})
			}
			in := &chains.Chain{Pos: z.pos, Policy: chains.Drop}
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Accept,
				Match: chains.Match{States: chains.Established | chains.Related}})
			in.Rules = append(in.Rules, sources...)
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Goto, To: f.names[z]})
			firewalls[z] = append(firewalls[z], chains.Firewall{Pos: z.pos, Family: family, In: in,
				Out: f.out(z, family), Chains: all})
		}
	}
	for _, z := range f.zones {
		name := f.names[z]
		if f.d.Failed() {
			return nil, 0
		}
		group := name
		if strings.EqualFold(group, policy.DefaultName) {
			group = "zone-" + name
		}
		if _, e := chains.Import(f.d, group, firewalls[z], f.sets); e != 0 {
			errors = e
		}
		for _, c := range z.children {
			if c.name == "interface" {
				attach = append(attach, convert.Attachment{Device: device(c),
					Groups: []string{group}})
			}
		}
		if name == f.first {
			f.d.Comment(z.pos, "the zone of all devices that no zone names")
		}
	}
	slices.SortFunc(attach, func(a, b convert.Attachment) int {
		return strings.Compare(a.Device, b.Device)
	})
	return attach, errors
}

// byPriority are the zones in the order in which their addresses are asked for.
func (f *files) byPriority() []*element {
	return slices.SortedStableFunc(slices.Values(f.zones), func(a, b *element) int {
		return cmp.Or(cmp.Compare(f.priority(a), f.priority(b)),
			strings.Compare(f.names[a], f.names[b]))
	})
}

// priority is that of a zone, from firewalld 2.0 on.
func (f *files) priority(z *element) int {
	s := z.attrs["ingress-priority"]
	n, err := strconv.Atoi(s)
	if err != nil && s != "" {
		f.errorf(z.pos, "", "%q is no priority of a zone", s)
	}
	return n
}

// device is the name of a device, or a pattern of names, which firewalld ends in "+".
func device(c *element) string {
	name := c.attrs["name"]
	if stem, pattern := strings.CutSuffix(name, "+"); pattern {
		return stem + "*"
	}
	return name
}

// sources are the addresses whose packets meet a zone whatever their device.
func (f *files) sources(z *element, family policy.Family, add func(*element, chains.Match)) {
	of := &zone{files: f, family: family}
	for _, c := range z.children {
		var m chains.Match
		if c.name == "source" && of.peers(c, &m) && !m.Never {
			f.dispatch(c, &m)
			m.List = ""
			add(c, m)
		}
	}
}

// dispatch refuses what a zone cannot be chosen by here.
func (f *files) dispatch(e *element, m *chains.Match) {
	why := ""
	if m.Unsaid != nil {
		why = m.Unsaid.Why
	}
	if m.Unknown {
		why = "who is in " + m.List + " is unknown"
	}
	if why != "" {
		f.errorf(e.pos, "", "nobody knows whose packets come to the zone: %s", why)
	}
}

// errorf reports what is wrong once, though both families are read.
func (f *files) errorf(pos policy.Pos, hint, format string, a ...any) {
	f.once(pos, func() { f.d.Errorf(pos, hint, format, a...) })
}

// once says what there is to say about a place one time.
func (f *files) once(pos policy.Pos, say func()) {
	if !f.said[pos] {
		f.said[pos] = true
		say()
	}
}
