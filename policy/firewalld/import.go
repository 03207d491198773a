package firewalld

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
	"sgfw/policy/iptables"
	"sgfw/policy/space"
)

// files is what the sources have.
type files struct {
	d         *convert.Draft
	open      bool // limits are taken as if there were none
	zones     []*element
	policies  []*between
	names     map[*element]string
	services  map[string]*service
	sets      chains.Lists
	first     string // the default zone
	said      map[policy.Pos]bool
	peers     map[string]*space.Peers // of sets
	left      int                     // parts of elements that may still be read
	rules     int                     // that were made
	addresses int                     // that zones go by, counted each time that they are asked
}

// Bounds of what there may be.
const (
	maxZones   = 64
	maxRules   = 60000 // of all zones in both families, those that they share counted for each
	maxSources = 4000  // in both families, for what comes and what leaves
)

// Import reads zones, and with them services, ipsets and firewalld.conf.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	f := &files{d: convert.NewDraft(o), open: o.Vars["limits"] == "open",
		services: map[string]*service{},
		names:    map[*element]string{}, sets: chains.Lists{}, said: map[policy.Pos]bool{},
		peers: map[string]*space.Peers{}, left: maxParts}
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
	e, bad := parse(s, &f.left)
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
		f.byAddress(family, all)
		weigh := weights{}
		for _, z := range f.zones {
			in := &chains.Chain{Pos: z.pos, Policy: chains.Drop}
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Accept,
				Match: chains.Match{States: chains.Established | chains.Related}})
			for _, n := range f.priorities() {
				if n <= f.priority(z) { // else the device says it
					in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Jump,
						To: addressChain(n)})
				}
			}
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Goto, To: f.names[z]})
			w := chains.Firewall{Pos: z.pos, Family: family, In: in, Out: f.out(z),
				Chains: all}
			f.count(z, weigh.of(w.In, all[policy.Ingress])+weigh.of(w.Out, all[policy.Egress]))
			if f.full() {
				return nil, 0
			}
			firewalls[z] = append(firewalls[z], w)
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

// byAddress adds chains that choose a zone by the address of the other side: for each priority
// one, of zones in the order of their names.
func (f *files) byAddress(family policy.Family, all [2]map[string]*chains.Chain) {
	zones := slices.SortedFunc(slices.Values(f.zones), func(a, b *element) int {
		return strings.Compare(f.names[a], f.names[b])
	})
	for _, z := range zones {
		key := addressChain(f.priority(z))
		c := all[policy.Ingress][key]
		if c == nil {
			c = &chains.Chain{Pos: z.pos}
			all[policy.Ingress][key] = c
		}
		f.sources(z, family, func(e *element, m chains.Match) {
			c.Rules = append(c.Rules, chains.Rule{Pos: e.pos, Match: m, Verdict: chains.Goto,
				To: f.names[z]})
		})
	}
}

// addressChain is the name of a chain that no zone can have.
func addressChain(priority int) string { return "sources/" + strconv.Itoa(priority) }

// priorities are those of zones, in order.
func (f *files) priorities() (out []int) {
	for _, z := range f.zones {
		out = append(out, f.priority(z))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// weights says how many rules chains have with those that they lead to.
type weights map[*chains.Chain]int

func (w weights) of(c *chains.Chain, all map[string]*chains.Chain) int {
	if n, there := w[c]; there {
		return n
	}
	n := len(c.Rules)
	for i := range c.Rules {
		if to := all[c.Rules[i].To]; to != nil {
			n += w.of(to, all)
		}
	}
	w[c] = n
	return n
}

// count counts rules against those that there may be.
func (f *files) count(e *element, n int) {
	if f.rules += n; f.full() {
		f.once(policy.Pos{}, func() {
			f.d.Errorf(e.pos, "fewer zones, or fewer rules in them",
				"the zones have more than %d rules together", maxRules)
		})
	}
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
		if c.name != "source" {
			continue
		}
		if f.addresses++; f.addresses > maxSources {
			f.once(policy.Pos{Line: 1}, func() {
				f.d.Errorf(c.pos, "move them into ipsets", "zones go by too many addresses")
			})
			return
		}
		if of.peers(c, &m) && !m.Never {
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

// full reports whether there are more rules than there may be, which is said.
func (f *files) full() bool { return f.rules > maxRules }

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
