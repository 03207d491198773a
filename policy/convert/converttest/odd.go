package converttest

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"sgfw/policy"
)

// oddTexts look like something else than a text in one of the formats: a template, a tag, a
// number, a truth, a date, a comment, the end of a string.
var oddTexts = []string{
	"${x}", "$${x}", "%{ if x }", "%%{x}", "${file(\"/etc/passwd\")}", "$", "${", "{{x}}", "{", "}",
	`"`, `"""`, `'`, "'''", `\`, `\n`, `\u0041`, `a\`, "`x`", "#x", "a #b", "//x", "/*x", "a: b",
	"- a", "-", "---", "--- a", "...", "? a", "&a", "*a", "!Ref x", "!Sub ${x}", "!!binary x", "!x",
	"a:", "|", ">", "%YAML", "@x", ",", "<<", "<<EOT", "=", "yes", "No", "on", "OFF", "y", "N", "null",
	"~", "Null", "true", "False", "0", "1", "-1", "007", "1e3", "0x1f", "0b1", "1_000", "1.0", ".inf",
	"NaN", "2001-01-01", "12:30:45", "for", "if", "in", "each", "local", "data", "var.x", "a.b",
	"a/b", "default", " a", "a ", "a  b", "日本", "Ü", "👪", "<b>&amp;", "Fn::Sub", "Ref", "[",
	"AWS::NoValue", "__proto__", "sgfw", "pl-63a5400a", "sg-0a1b2c3d4e5f60718",
	"123456789012/sg-0a1b2c3d4e5f60718", "vpc-", "com.amazonaws.x",
}

// oddPlaces put a text where a policy may have it. What AWS restricts is apart.
var oddPlaces = map[string]func(p *policy.Policy, s string){
	"group": func(p *policy.Policy, s string) {
		rename(p, policy.PeerGroup, p.Groups[0].Name, s)
		p.Groups[0].Name, p.Remotes[0].Groups = s, []string{s}
	},
	"description of a group": func(p *policy.Policy, s string) { p.Groups[0].Description = s },
	"description of a rule": func(p *policy.Policy, s string) {
		p.Groups[0].Ingress[0].Description = s
		p.Groups[0].Egress[0].Description = s
	},
	"tag of a rule": func(p *policy.Policy, s string) {
		p.Groups[0].Ingress[0].Tags = map[string]string{s: s}
	},
	"list, entry, peer, network, tags": func(p *policy.Policy, s string) {
		rename(p, policy.PeerPrefixList, p.PrefixLists[0].Name, s)
		p.PrefixLists[0].Name, p.PrefixLists[0].Entries[0].Description = s, s
		p.Remotes[0].Name = s
		p.Groups[0].VPCID = s
		p.Groups[0].Tags = map[string]string{s: "v", "z": ""}
		p.Groups[1].Tags = map[string]string{"k": s}
	},
}

func rename(p *policy.Policy, kind policy.PeerKind, old, name string) {
	for i := range p.Groups {
		for dir := range policy.Direction(2) {
			for j := range p.Groups[i].Rules(dir) {
				if r := &p.Groups[i].Rules(dir)[j]; r.Peer.Kind == kind && r.Peer.Name == old {
					r.Peer.Name = name
				}
			}
		}
	}
}

// oddBase has every kind of peer, self and a group in one direction, all protocols, one by
// its number, a type of ICMP, and ICMP of all types; room in a list; and a peer.
func oddBase() *policy.Policy {
	rule := func(index int, protocol policy.Protocol, from, to int, peer policy.Peer) policy.Rule {
		return policy.Rule{Index: index, Protocol: protocol, From: from, To: to, Peer: peer}
	}
	v4 := policy.Peer{Kind: policy.PeerCIDR, CIDR: netip.MustParsePrefix("10.0.0.0/8")}
	v6 := policy.Peer{Kind: policy.PeerCIDR, CIDR: netip.MustParsePrefix("2001:db8::/32")}
	list := policy.Peer{Kind: policy.PeerPrefixList, Name: "list"}
	web := policy.Peer{Kind: policy.PeerGroup, Name: "web"}
	self := policy.Peer{Kind: policy.PeerGroup, Name: "web", Self: true}
	db := policy.Peer{Kind: policy.PeerGroup, Name: "db"}
	return &policy.Policy{
		Settings: policy.DefaultSettings, Quotas: policy.DefaultQuotas,
		PrefixLists: []policy.PrefixList{{Name: "list", Family: policy.IPv4, MaxEntries: 5,
			Entries: []policy.PrefixEntry{{CIDR: netip.MustParsePrefix("192.0.2.0/24")}}}},
		Groups: []policy.Group{
			{Name: "web", Description: "Web", VPCID: "vpc-12345678",
				Ingress: []policy.Rule{
					rule(0, policy.TCP, 443, 443, v4), rule(1, policy.TCP, 22, 22, list),
					rule(2, policy.TCP, 80, 81, self), rule(3, policy.TCP, 80, 81, db),
					rule(4, policy.ICMP, 3, 4, v4), rule(5, policy.ICMP, 8, -1, v4),
					rule(6, policy.ICMPv6, -1, -1, v6), rule(7, policy.ICMPv6, 128, 0, v6),
					rule(8, 50, -1, -1, v4), rule(9, 0, -1, -1, v4),
				},
				Egress: []policy.Rule{rule(0, policy.AllProtocols, -1, -1, list),
					rule(1, policy.UDP, 0, 65535, db)}},
			{Name: "db", Description: "Database", VPCID: "vpc-12345678",
				Ingress: []policy.Rule{rule(0, policy.TCP, 5432, 5432, web)}},
		},
		Remotes: []policy.Remote{{Name: "other", Addresses: []netip.Addr{
			netip.MustParseAddr("10.9.9.9")}, Groups: []string{"web"}}},
	}
}

// Odd yields valid policies that have an odd text somewhere, each with what it is. Exporters
// have to quote them, or refuse what the format cannot say.
func Odd() iter.Seq2[string, *policy.Policy] {
	return Put(oddTexts...)
}

// Put yields valid policies that have one of the texts somewhere, each with what it is.
func Put(texts ...string) iter.Seq2[string, *policy.Policy] {
	return func(yield func(string, *policy.Policy) bool) {
		for place, put := range oddPlaces {
			for _, text := range texts {
				p := oddBase()
				put(p, text)
				valid := true
				for _, problem := range policy.Validate(p) {
					valid = valid && (problem.AWS || problem.Severity != policy.SeverityError)
				}
				if valid && !yield(fmt.Sprintf("%s is %q", place, text), p) {
					return
				}
			}
		}
	}
}

// MustBeMany fails a test that saw hardly any odd policies come back.
func MustBeMany(t interface{ Errorf(string, ...any) }, back int) {
	if most := len(oddPlaces) * len(oddTexts); back < most/4 {
		t.Errorf("%d of %s came back: this shows little", back,
			strings.TrimSpace(fmt.Sprint(most, " odd policies")))
	}
}
