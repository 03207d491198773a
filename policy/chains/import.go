package chains

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/space"
)

// Lists says the prefix lists that rules may name, by key.
type Lists map[string]policy.PrefixList

// translation is what the walks of one import have in common.
type translation struct {
	d     *convert.Draft
	name  string // of the first group
	known Lists
	steps int
	large int // rules of which too many CIDRs are left
	// pieces is how many pieces what was undecided had before the steps, in all.
	pieces int
	pos    policy.Pos // of the first group
	said   map[saying]bool
	rests  map[string]string // keys of lists of what is left, by their CIDRs
}

// Import adds groups to the draft that let through what the firewalls do, at most one for each
// family. It returns which devices have which groups, for [convert.Result.Attach], where rules
// name devices, and what decides about ICMP errors.
func Import(d *convert.Draft, name string, firewalls []Firewall, lists Lists) (
	attach []convert.Attachment, errors policy.ICMPErrors) {
	i := &translation{d: d, name: name,
		known: lists, said: map[saying]bool{}, rests: map[string]string{}}
	devices := classes(firewalls)
	if len(devices) > maxDevices {
		d.Errorf(policy.Pos{}, "", "rules name more than %d devices", maxDevices)
		return nil, 0
	}
	made := make(map[string][2]blocks, len(devices))
	for _, device := range devices {
		var of [2]blocks
		for j := range firewalls {
			if !i.translate(&firewalls[j], device, &of) {
				errors = policy.ICMPErrorsRules
			}
			if d.Full() {
				return nil, 0
			}
		}
		made[device] = of
	}
	rest := made["*"]
	if len(firewalls) > 0 {
		i.pos = firewalls[0].Pos
	}
	i.group(name, "What "+name+" accepts", rest)
	for _, device := range devices[:len(devices)-1] {
		of, groups := made[device], []string{name}
		own := [2]blocks{of[0].minus(rest[0]), of[1].minus(rest[1])}
		if len(rest[0].minus(of[0])) > 0 || len(rest[1].minus(of[1])) > 0 {
			own, groups = of, nil // it has less than the others
		}
		if len(own[0])+len(own[1]) > 0 || groups == nil {
			key := name + "-" + strings.TrimSuffix(device, "*")
			i.group(key, "What "+name+" accepts on "+device, own)
			groups = append(groups, key)
		}
		attach = append(attach, convert.Attachment{Device: device, Groups: groups})
	}
	return attach, errors
}

// group adds a group of blocks to the draft.
func (i *translation) group(name, what string, of [2]blocks) {
	i.d.Group(name, "", policy.Group{Name: name, Description: what, Pos: i.pos})
	i.pos = policy.Pos{}
	for dir, l := range of {
		for _, b := range l {
			b.peers = widest(b.peers)
			var rules []policy.Rule
			for _, p := range b.peers {
				r := b.rule
				r.Peer = p
				rules = append(rules, r)
			}
			i.d.Rules(name, policy.Direction(dir), rules...)
			for _, n := range b.notes {
				pos := b.rule.Pos
				i.once(n, pos, func() { i.d.Comment(pos, "%s", n) })
			}
		}
	}
}

// widest are peers without CIDRs that are in others.
func widest(peers []policy.Peer) []policy.Peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p policy.Peer) bool {
		return p.Kind == policy.PeerCIDR && slices.ContainsFunc(peers, func(o policy.Peer) bool {
			return o.Kind == policy.PeerCIDR && o.CIDR.Bits() < p.CIDR.Bits() &&
				o.CIDR.Contains(p.CIDR.Addr())
		})
	})
}

// minus are the blocks without the peers that the other blocks have for the same traffic.
func (l blocks) minus(o blocks) (out blocks) {
	type id struct {
		traffic policy.RuleID
		peer    policy.Peer
	}
	has := map[id]bool{}
	for _, b := range o {
		for _, p := range b.peers {
			has[id{b.rule.ID(), p}] = true
		}
	}
	for _, b := range l {
		b.peers = slices.DeleteFunc(slices.Clone(b.peers),
			func(p policy.Peer) bool { return has[id{b.rule.ID(), p}] })
		if len(b.peers) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// translate adds what a firewall accepts on a device to the blocks, and reports whether it
// lets packets pass that are related to connections.
func (i *translation) translate(f *Firewall, device string, out *[2]blocks) (related bool) {
	var cut [2]space.Peers // whose packets of connections are dropped
	related = true
	var begins [2]*walk
	for dir := range policy.Direction(2) {
		all := everything(f.Family, dir)
		walkOf := func(s State) *walk {
			w := &walk{translation: i, firewall: f, dir: dir, device: device, state: s}
			w.run(all)
			return w
		}
		begins[dir] = walkOf(New)
		established, r := walkOf(Established), walkOf(Related)
		if i.steps > maxSteps {
			return true // which is said
		}
		cut[dir] = i.established(established, begins[dir], all)
		if !r.sure(all).Covers(all.Minus(space.Box(whole, cut[dir]))) {
			related = false
		}
	}
	for dir, w := range begins {
		if i.steps > maxSteps {
			return true
		}
		w.settle()
		// Without answers nothing works, so whoever gets none is not allowed to be asked.
		if no := cut[1-dir].Minus(cut[dir]); !no.Empty() {
			w = &walk{translation: i, firewall: f, dir: w.dir, device: device, state: New,
				unanswered: true}
			w.run(everything(f.Family, w.dir).Minus(space.Box(whole, no)))
		}
		w.emit(&out[dir])
	}
	return related
}

// sure is what passes whatever uncertain rules do.
func (w *walk) sure(all space.Set) space.Set {
	out := w.passes.Intersect(all)
	for _, m := range w.maybe {
		out = out.Minus(m.set)
	}
	return out
}

// established returns the peers of which no packets of connections pass. If some packets of
// others do not pass, it reports that.
func (i *translation) established(w, begins *walk, all space.Set) space.Peers {
	missing := all.Minus(w.sure(all))
	if missing.Empty() {
		return space.Peers{}
	}
	f := w.firewall.Family
	whose := wholly(missing.Union(space.Box(whole, strangers(f, w.dir))), f).
		Minus(strangers(f, w.dir))
	rest := missing.Minus(space.Box(whole, whose))
	// Nothing begins at, or comes back to, a port of a service that nobody may reach.
	services := space.Box(space.Ports(policy.TCP, 0, 1023), anyone(f)).
		Union(space.Box(space.Ports(policy.UDP, 0, 1023), anyone(f)))
	if w.dir == policy.Ingress {
		rest = rest.Minus(services.Minus(begins.passes))
	}
	if rest.Empty() && whose.Empty() {
		return space.Peers{}
	}
	end := w.firewall.base(w.dir)
	at := &Rule{Pos: end.Pos, Name: end.Name}
	for _, d := range append(w.drops, w.maybe...) {
		if !d.set.Intersect(rest).Empty() || rest.Empty() && !d.set.From(whose).Empty() {
			at = d.rule
			break
		}
	}
	if !rest.Empty() || wholly(space.Box(whole, whose), f).Equal(anyone(f).
		Minus(strangers(f, w.dir))) {
		i.once("established", at.Pos, func() {
			i.d.Errorf(at.Pos, "accept ESTABLISHED,RELATED before it",
				"%sthis drops packets of connections that are established (%s %s), which always pass here",
				at.Subject(), f, w.dir)
		})
		return space.Peers{}
	}
	i.once("answers", at.Pos, func() {
		i.d.Lost(at.Pos, "", "%swho is dropped here has its answers dropped, too, and so nothing is "+
			"allowed in the other direction", at.Subject())
	})
	return whose
}

// unsure says that a rule which accepts is left out.
func (i *translation) unsure(r *Rule, u *Unsaid) {
	r = u.of(r)
	i.once("unsure", r.Pos, func() {
		if u.Grave {
			i.d.Errorf(r.Pos, u.Hint, "%sgroups cannot say this rule: %s", r.Subject(), u.Why)
			return
		}
		name := "this rule"
		if r.Name != "" {
			name = strings.TrimSuffix(r.Subject(), ": ")
		}
		i.d.Lost(r.Pos, u.Hint, "%s is left out, so what it accepts is dropped: %s", name, u.Why)
	})
}

func (i *translation) tooMuch(r *Rule) {
	i.once("much", policy.Pos{}, func() {
		i.d.Errorf(r.Pos, "move addresses into sets", "%smore than %d rules are to be followed, or "+
			"chains jump to each other", r.Subject(), maxSteps)
	})
}

func (i *translation) tooTangled(r *Rule) {
	i.once("much", policy.Pos{}, func() {
		i.d.Errorf(r.Pos, "move addresses and ports into sets", "%sthe rules before this one leave so "+
			"many pieces of ports and addresses that they cannot be followed", r.Subject())
	})
}

// saying is what is said once: by its kind, and the place.
type saying struct {
	kind string
	pos  policy.Pos
}

// once says what there is to say about a place one time.
func (i *translation) once(kind string, pos policy.Pos, say func()) {
	if s := (saying{kind, pos}); !i.said[s] {
		i.said[s] = true
		say()
	}
}

// lists adds a list of the source to the draft, once it is used.
func (i *translation) lists(key string) {
	if l, there := i.known[key]; there {
		i.d.List(key, l)
	}
}

// rest adds a list of what is left of a rule, and returns its key.
func (i *translation) rest(cidrs []netip.Prefix, from *Rule) string {
	id := fmt.Sprint(cidrs)
	if key, there := i.rests[id]; there {
		return key
	}
	key := i.name + "-not-dropped-" + number(len(i.rests)+1)
	i.rests[id] = key
	// The position is its own: the rule's comments are the rule's.
	l := policy.PrefixList{Name: key, Pos: policy.Pos{File: from.Pos.File, Line: from.Pos.Line,
		Col: from.Pos.Col + 1}}
	for _, c := range cidrs {
		l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: c, Pos: l.Pos})
	}
	i.d.List(key, l)
	return key
}

func number(n int) string { return strconv.Itoa(n) }
