package awsjson

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
)

// meaning compares what an export keeps: not where and in which order things stand, and not
// what only this machine has.
var meaning = gocmp.Options{
	cmpopts.IgnoreFields(policy.PrefixList{}, "Pos"),
	cmpopts.IgnoreFields(policy.PrefixEntry{}, "Pos"),
	cmpopts.IgnoreFields(policy.Group{}, "Pos"),
	cmpopts.IgnoreFields(policy.Rule{}, "Pos", "Index"),
	cmpopts.IgnoreFields(policy.Peer{}, "Pos", "Described", "Self"),
	cmpopts.IgnoreFields(policy.Remote{}, "Pos"),
	cmpopts.IgnoreFields(policy.NetworkACL{}, "Pos"),
	cmpopts.IgnoreFields(policy.ACLRule{}, "Pos"),
	cmpopts.IgnoreFields(policy.Policy{}, "IDs", "Interfaces", "Settings", "Quotas"),
	cmpopts.SortSlices(func(a, b policy.Rule) bool {
		return cmp.Compare(a.String(), b.String()) < 0
	}),
	cmpopts.SortSlices(func(a, b policy.PrefixList) bool { return a.Name < b.Name }),
	cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
}

// returns: an export, imported, is the same policy.
func returns(t *testing.T, p *policy.Policy) string {
	t.Helper()
	doc, problems := Export(p)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	r := Import([]convert.Source{{Name: "export", Data: doc}}, convert.Options{})
	if r.Policy == nil {
		t.Fatalf("%v\n%s", r.Problems, doc)
	}
	if diff := gocmp.Diff(p, r.Policy, meaning); diff != "" {
		t.Fatalf("%s\n%s", diff, doc)
	}
	return string(doc)
}

// TestRoundTrip: shapes that people have, and this repository's examples, survive.
func TestRoundTrip(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"testdata/shapes/*.yaml", "../../examples/*.yaml",
		"../../examples/*/*.yaml"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	if len(paths) < 40 {
		t.Fatalf("only %d policies", len(paths))
	}
	for _, path := range paths {
		p, _, err := file.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Groups { // AWS's own tags are left out
			for key := range p.Groups[i].Tags {
				if strings.HasPrefix(key, "aws:") {
					delete(p.Groups[i].Tags, key)
				}
			}
		}
		t.Run(path, func(t *testing.T) { returns(t, p) })
	}
}

// TestRoundTripAtRandom: so do policies that nobody has.
func TestRoundTripAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		p := random(rand.New(rand.NewPCG(seed, 0)))
		for _, problem := range policy.Validate(p).AsAWS() {
			if problem.Severity == policy.SeverityError {
				t.Fatalf("seed %d: %v", seed, problem)
			}
		}
		returns(t, p)
	}
}

// random makes up a policy that AWS would take.
func random(r *rand.Rand) *policy.Policy {
	p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
	word := func() string {
		words := []string{"", "a", "A web, of {things}; $1 & more", "443", "true", "x: y #z"}
		return words[r.IntN(len(words))]
	}
	tags := func() map[string]string {
		if r.IntN(3) > 0 {
			return nil
		}
		return map[string]string{"Name": word(), fmt.Sprint("k", r.IntN(3)): "Büro 'x' \"y\" <&>"}
	}
	cidr := func() netip.Prefix {
		if r.IntN(3) == 0 {
			a := [16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(4))}
			return netip.PrefixFrom(netip.AddrFrom16(a), r.IntN(129)).Masked()
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(224)), byte(r.IntN(9))}),
			r.IntN(33)).Masked()
	}
	for i := range r.IntN(3) {
		l := policy.PrefixList{Name: fmt.Sprintf("list %d", i)}
		seen := map[netip.Prefix]bool{}
		for range r.IntN(4) {
			c := cidr()
			if f, known := l.FamilyOf(); !seen[c] && (!known || f == policy.FamilyOf(c)) {
				l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: c, Description: word()})
				seen[c] = true
			}
		}
		l.Family, _ = l.FamilyOf()
		if l.Family == 0 {
			l.Family = policy.IPv6
		}
		l.MaxEntries = len(l.Entries) + r.IntN(2)
		p.PrefixLists = append(p.PrefixLists, l)
	}
	for i := range 1 + r.IntN(4) {
		p.Groups = append(p.Groups, policy.Group{Name: fmt.Sprintf("group #%d", i),
			Description: "d" + word(), Tags: tags(), VPCID: []string{"", "vpc-1"}[r.IntN(2)]})
	}
	if r.IntN(2) == 0 {
		p.Groups = append(p.Groups, policy.DefaultGroup())
	}
	for i := range p.Groups {
		for dir, rules := range []*[]policy.Rule{&p.Groups[i].Ingress, &p.Groups[i].Egress} {
			*rules = nil
			seen := map[policy.RuleID]bool{}
			for range r.IntN(7) {
				rule := policy.Rule{Description: word(), Tags: tags(), From: -1, To: -1,
					Protocol: []policy.Protocol{-1, 0, 1, 6, 17, 50, 58, 255}[r.IntN(8)]}
				switch {
				case rule.Protocol.HasPorts():
					rule.From = r.IntN(65536)
					rule.To = rule.From + r.IntN(65536-rule.From)
				case rule.Protocol.IsICMP() && r.IntN(2) == 0:
					rule.From, rule.To = r.IntN(256), r.IntN(257)-1
				}
				switch k := r.IntN(4); {
				case k == 0:
					rule.Peer = policy.Peer{Kind: policy.PeerGroup, Name: p.Groups[r.IntN(len(p.Groups))].Name}
				case k == 1 && len(p.PrefixLists) > 0:
					rule.Peer = policy.Peer{Kind: policy.PeerPrefixList,
						Name: p.PrefixLists[r.IntN(len(p.PrefixLists))].Name}
				default:
					rule.Peer = policy.Peer{CIDR: cidr()}
				}
				rule.Index = dir
				if !seen[rule.ID()] {
					*rules = append(*rules, rule)
					seen[rule.ID()] = true
				}
			}
		}
	}
	for i := range r.IntN(3) {
		p.Remotes = append(p.Remotes, policy.Remote{Name: fmt.Sprintf("peer %d", i),
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}),
				netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))},
			Prefixes: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.9.%d.0/28", i))},
			Groups:   []string{p.Groups[r.IntN(len(p.Groups))].Name}})
	}
	for i := range r.IntN(3) {
		p.NetworkACLs = append(p.NetworkACLs, randomACL(r, fmt.Sprintf("list %d", i), cidr))
	}
	return p
}

// TestExportOf: what cannot be said is a notice, and so is what AWS would refuse, as in the
// other formats of AWS; what is elsewhere is referred to as it was.
func TestExportOf(t *testing.T) {
	export := func(text string) (string, string) {
		t.Helper()
		p, _, err := file.Parse("p", []byte("version: 1\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		doc, problems := Export(p)
		return string(doc), problems.Error()
	}
	doc, said := export(`
security_groups: [{ name: web, tags: { "aws:x": "1", b: "2" } }]
interfaces: [{ device: eth0, security_groups: [web] }, { device: eth1 }]
settings: { max_flows: 4096 }
quotas: { prefix_lists: 3 }
`)
	for _, want := range []string{"p:3:19: notice: tag \"aws:x\" is left out",
		"p:4:14: notice: which devices have which groups is left out (hint: import with " +
			"--attach eth0=web)",
		"notice: settings are left out", "notice: quotas are left out"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if doc == "" || strings.Contains(doc, "aws:x") {
		t.Error(doc)
	}
	doc, said = export("security_groups:\n- { name: Büro, description: it's }\n" +
		"prefix_lists: [{ name: com.amazonawsome, entries: [{ cidr: 10.0.0.0/8 }] }]\n")
	again := Import([]convert.Source{{Name: "again", Data: []byte(doc)}}, convert.Options{})
	if again.Policy == nil || again.Policy.Groups[0].Description != "it's" ||
		!strings.Contains(said, "p:3:3: notice: AWS would refuse group name \"Büro\"") ||
		!strings.Contains(said, "AWS would refuse the description") ||
		!strings.Contains(said, "com.amazonawsome") {
		t.Errorf("%s\n%s", doc, said)
	}
	doc, said = export(`
prefix_lists:
- { name: 999999999999/sg-0123456789abcdef0, entries: [] }
- { name: pl-63a5400a, entries: [] }
- { name: com.amazonaws.us-east-1.s3, entries: [{ cidr: 10.0.0.0/8 }] }
security_groups:
- name: web
  ingress:
  - protocol: all
    prefix_lists: [999999999999/sg-0123456789abcdef0, pl-63a5400a, com.amazonaws.us-east-1.s3]
`)
	for _, want := range []string{`"UserId": "999999999999",`, `"GroupId": "sg-0123456789abcdef0"`,
		`"PrefixListId": "pl-63a5400a"`, `"OwnerId": "AWS"`} {
		if strings.Count(doc, want) != 1 {
			t.Errorf("not once %s in\n%s\n%s", want, doc, said)
		}
	}
}

// TestExportGolden: the document has the keys of the CLI.
func TestExportGolden(t *testing.T) {
	p, _, err := file.Load("testdata/export.yaml")
	if err != nil {
		t.Fatal(err)
	}
	converttest.Compare(t, "testdata/export.json", returns(t, p))
}

// TestRoundTripOdd: texts that look like something else come back as they are.
func TestRoundTripOdd(t *testing.T) {
	back := 0
	for what, p := range converttest.Odd() {
		refused := false
		for _, problem := range policy.Validate(p).AsAWS() {
			refused = refused || problem.Severity == policy.SeverityError
		}
		if refused {
			continue
		}
		back++
		t.Run(what, func(t *testing.T) { returns(t, p) })
	}
	converttest.MustBeMany(t, back)
}
