package convert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/file"
)

func pos(line int) policy.Pos { return policy.Pos{File: "f", Line: line, Col: 1} }

// rule is a rule of TCP from a peer.
func rule(line, port int, peer policy.Peer) policy.Rule {
	peer.Pos = pos(line)
	return policy.Rule{Protocol: policy.TCP, From: port, To: port, Peer: peer, Pos: pos(line)}
}

func cidr(s string) policy.Peer {
	return policy.Peer{Kind: policy.PeerCIDR, CIDR: netip.MustParsePrefix(s)}
}

func of(kind policy.PeerKind, key string) policy.Peer { return policy.Peer{Kind: kind, Name: key} }

// ingress are the inbound rules of a group as text.
func ingress(t *testing.T, p *policy.Policy, name string) (out []string) {
	t.Helper()
	g := p.Group(name)
	if g == nil {
		t.Fatalf("no group %q", name)
	}
	for _, r := range g.Ingress {
		out = append(out, r.String())
	}
	return out
}

// TestNames: keys become names, also those of peers, and what is not there becomes a list
// that matches nothing.
func TestNames(t *testing.T) {
	d := NewDraft(Options{PrefixLists: map[string][]policy.PrefixEntry{
		"pl-2": {{CIDR: netip.MustParsePrefix("192.0.2.0/24")},
			{CIDR: netip.MustParsePrefix("2001:db8::/32")}},
	}})
	d.Group("sg-1", "web", policy.Group{Name: "Web", VPCID: "vpc-1", Pos: pos(1)})
	d.Group("sg-2", "", policy.Group{Name: "web", VPCID: "vpc-2", Pos: pos(2)})
	d.List("pl-1", policy.PrefixList{Name: "office", Pos: pos(3), Entries: []policy.PrefixEntry{
		{CIDR: netip.MustParsePrefix("10.0.0.0/8"), Pos: pos(4)}}})
	d.Rules("sg-1", policy.Ingress,
		rule(5, 1, of(policy.PeerGroup, "sg-1")), rule(5, 1, of(policy.PeerGroup, "sg-2")))
	d.Rules("sg-1", policy.Ingress,
		rule(6, 2, of(policy.PeerPrefixList, "pl-1")), rule(6, 2, of(policy.PeerPrefixList, "pl-2")),
		rule(6, 2, of(policy.PeerPrefixList, "pl-3")), rule(6, 2, of(policy.PeerGroup, "sg-9")))
	d.Rules("sg-1", policy.Ingress, rule(7, 2, of(policy.PeerPrefixList, "pl-1")))
	d.Member(policy.Remote{Name: "i-1", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		"sg-2", "sg-2", "sg-7")
	d.Member(policy.Remote{Name: "i-2", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}},
		"sg-7")
	r := d.Finish()
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	want := []string{"tcp 1 group Web", "tcp 1 group web (vpc-2)", "tcp 2 list office",
		"tcp 2 list pl-2",
		"tcp 2 list pl-2-ipv6", "tcp 2 list pl-3", "tcp 2 list sg-9"}
	if got := ingress(t, r.Policy, "Web"); !slices.Equal(got, want) {
		t.Errorf("rules %q, want %q", got, want)
	}
	if g := r.Policy.Group("Web"); !g.Ingress[0].Peer.Self || len(g.Egress) != 0 ||
		g.Description != policy.DefaultDescription {
		t.Errorf("group %+v", g)
	}
	if m := r.Policy.Remotes; len(m) != 1 || !slices.Equal(m[0].Groups, []string{"web (vpc-2)"}) {
		t.Errorf("members %+v", m)
	}
	if r.Names["sg-2"] != "web (vpc-2)" || r.Names["web"] != "Web" {
		t.Errorf("names %v", r.Names)
	}
	text := string(file.Write(r.Policy, r.Comments))
	for _, want := range []string{"another one has its name", "the group is not here",
		"# pl-3: the prefix list is not here. It matches nothing until it has entries.\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "pl-2: ") {
		t.Errorf("a list that was given is said to be missing:\n%s", text)
	}
	if _, problems, err := file.Parse("p", []byte(text)); err != nil {
		t.Errorf("%v %v", err, problems)
	}
}

// TestDefaults: the default group of one network is the policy's, those of two are like
// others.
func TestDefaults(t *testing.T) {
	d := NewDraft(Options{})
	d.Group("sg-1", "", policy.Group{Name: "default", Description: "default VPC security group"})
	d.Rules("sg-1", policy.Ingress, rule(1, 1, of(policy.PeerGroup, "sg-1")))
	if r := d.Finish(); r.Policy == nil || !r.Policy.Groups[0].Default ||
		!slices.Equal(ingress(t, r.Policy, "default"), []string{"tcp 1 group default"}) {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
	d = NewDraft(Options{})
	d.Group("sg-1", "", policy.Group{Name: "default", VPCID: "vpc-1"})
	d.Group("sg-2", "", policy.Group{Name: "default", VPCID: "vpc-2"})
	r := d.Finish()
	if r.Policy == nil || r.Policy.Groups[0].Name != "default (vpc-1)" || r.Policy.Groups[0].Default ||
		r.Policy.Groups[1].Name != "default (vpc-2)" {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
}

// TestQuotas are raised to what is needed, and no further than AWS does.
func TestQuotas(t *testing.T) {
	build := func(rules, attached int) Result {
		d := NewDraft(Options{})
		var groups []string
		for i := range attached {
			key := string(rune('a' + i))
			d.Group(key, "", policy.Group{Name: key})
			groups = append(groups, key)
		}
		for i := range rules {
			d.Rules("a", policy.Ingress, rule(i, i, cidr("10.0.0.0/8")))
		}
		d.Member(policy.Remote{Name: "m", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
			groups...)
		return d.Finish()
	}
	for _, c := range []struct{ rules, attached, quota, groups int }{
		{60, 5, 60, 5}, {61, 1, 61, 5}, {200, 2, 200, 5}, {201, 2, 201, 4}, {1000, 1, 1000, 1},
		{60, 16, 60, 16},
	} {
		r := build(c.rules, c.attached)
		if r.Policy == nil || r.Policy.Quotas.RulesPerGroup != c.quota ||
			r.Policy.Quotas.GroupsPerInterface != c.groups {
			t.Errorf("%+v: %+v %v", c, r.Policy, r.Problems)
		}
	}
	for _, c := range [][2]int{{1001, 1}, {60, 17}, {600, 2}} {
		if r := build(c[0], c[1]); r.Policy != nil || r.Problems.Err() == nil {
			t.Errorf("%v is taken", c)
		}
	}
}

// TestAttach: by name or by what else a group is called; what is not there fails.
func TestAttach(t *testing.T) {
	build := func(attach ...string) Result {
		d := NewDraft(Options{})
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			d.Group("sg-"+key, "", policy.Group{Name: key})
		}
		r := d.Finish()
		for _, s := range attach {
			a, err := ParseAttachment(s)
			if err != nil {
				t.Fatal(err)
			}
			r.Attach(a)
		}
		return r
	}
	r := build("eth0=a,sg-b", "eth1=default", "eth0=b,c", "eth2=a,b,c,d,e,f")
	if r.Policy == nil || len(r.Policy.Interfaces) != 3 ||
		!slices.Equal(r.Policy.Interfaces[0].Groups, []string{"a", "b", "c"}) ||
		r.Policy.Quotas.GroupsPerInterface != 6 {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
	if _, problems, err := file.Parse("p", file.Write(r.Policy, nil)); err != nil {
		t.Error(problems)
	}
	if r := build("eth0=x"); r.Policy != nil || r.Problems.Err() == nil {
		t.Errorf("%+v", r.Policy)
	}
	for _, bad := range []string{"", "eth0", "eth0=", "=web"} {
		if a, err := ParseAttachment(bad); err == nil {
			t.Errorf("%q: %+v", bad, a)
		}
	}
}

// TestSaidOnce: what several instances of one block say in the same words is said once.
func TestSaidOnce(t *testing.T) {
	d := NewDraft(Options{})
	for range 3 {
		d.Lost(policy.Pos{File: "a.tf", Line: 3, Col: 1}, "", "tags are left out")
	}
	d.Lost(policy.Pos{File: "a.tf", Line: 4, Col: 1}, "", "tags are left out")
	d.Lost(policy.Pos{File: "a.tf", Line: 4, Col: 1}, "", "and the name")
	if r := d.Finish(); len(r.Problems) != 3 {
		t.Errorf("%v", r.Problems)
	}
}

// TestOneName: many groups of one name get names of their own, and soon.
func TestOneName(t *testing.T) {
	d := NewDraft(Options{})
	const n = 50000
	for i := range n {
		d.Group(fmt.Sprint(i), "", policy.Group{Name: "a"})
	}
	d.Group("x", "", policy.Group{Name: "A-3"})
	begin := time.Now()
	r := d.Finish()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it takes %v", took)
	}
	if r.Policy == nil || r.Names["1"] != "a-2" || r.Names["49999"] != "a-50000" ||
		r.Names["x"] != "A-3-2" {
		t.Errorf("%v %v", r.Names["1"], r.Problems[0])
	}
}

// TestPrintable: what cannot be printed of a text for people becomes spaces, and is told.
func TestPrintable(t *testing.T) {
	d := NewDraft(Options{})
	pos := policy.Pos{File: "f", Line: 3}
	d.Group("g", "", policy.Group{Name: "g", Description: "one\ntwo", Pos: pos})
	rule := policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1,
		Pos:         policy.Pos{File: "f", Line: 4},
		Description: "gr\xfcn\u200b, grün",
		Peer:        policy.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/8")}}
	d.Rules("g", policy.Ingress, rule)
	r := d.Finish()
	if r.Policy == nil || r.Policy.Groups[0].Description != "one two" ||
		r.Policy.Groups[0].Ingress[0].Description != "gr n , grün" || len(r.Problems) != 2 {
		t.Errorf("%+v %v", r.Policy, r.Problems)
	}
}
