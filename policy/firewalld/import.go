package firewalld

import (
	"bytes"
	"path"
	"slices"
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
	default:
		f.d.Errorf(e.pos, "zones, services and ipsets are read", "<%s> is unknown", e.name)
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
		all := map[string]*chains.Chain{}
		for _, z := range f.zones {
			all[f.names[z]] = f.chainOf(z, family)
		}
		var sources []chains.Rule // what goes by address goes first
		for _, z := range f.zones {
			of := &zone{files: f, family: family}
			for _, c := range z.children {
				var m chains.Match
				if c.name == "source" && of.peers(c, &m) && !m.Never {
					f.dispatch(c, &m)
					m.List = ""
					sources = append(sources, chains.Rule{Pos: c.pos, Match: m, Verdict: chains.Goto,
						To: f.names[z]})
				}
			}
		}
		for _, z := range f.zones {
			in := &chains.Chain{Pos: z.pos, Policy: chains.Drop}
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Accept,
				Match: chains.Match{States: chains.Established | chains.Related}})
			in.Rules = append(in.Rules, sources...)
			in.Rules = append(in.Rules, chains.Rule{Pos: z.pos, Verdict: chains.Goto, To: f.names[z]})
			firewalls[z] = append(firewalls[z], chains.Firewall{Pos: z.pos, Family: family, In: in,
				Chains: [2]map[string]*chains.Chain{all, all}})
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
				attach = append(attach, convert.Attachment{Device: c.attrs["name"],
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
