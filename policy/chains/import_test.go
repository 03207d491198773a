package chains

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/space"
)

// at is a place, by its line.
func at(line int) policy.Pos { return policy.Pos{File: "f", Line: line, Col: 1} }

// peers are those of CIDRs.
func peers(cidrs ...string) *space.Peers {
	var out []netip.Prefix
	for _, c := range cidrs {
		out = append(out, netip.MustParsePrefix(c))
	}
	p := space.PeersOf(out...)
	return &p
}

// tcp are ports of TCP.
func tcp(ports ...int) (out []space.Span) {
	for _, p := range ports {
		out = append(out, space.Ports(policy.TCP, p, p))
	}
	return out
}

// answers accepts established connections; the whole of it is line 1.
var answers = Rule{Pos: at(1), Verdict: Accept, Match: Match{States: Established | Related}}

// input is a firewall of IPv4 that lets everything out, with rules from line 2 on, and one
// chain A with rules from line 20 on.
func input(end Verdict, rules, a []Rule) Firewall {
	for i := range rules {
		rules[i].Pos = at(2 + i)
	}
	for i := range a {
		a[i].Pos = at(20 + i)
	}
	in := &Chain{Pos: at(1), Policy: end, Rules: append([]Rule{answers}, rules...)}
	return Firewall{Pos: at(1), Family: policy.IPv4, In: in,
		Chains: [2]map[string]*Chain{{"A": {Pos: at(20), Rules: a}}, {}}}
}

// said is what an import says and makes: problems, rules of ingress, devices.
func said(r imported) string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, p.Error())
	}
	if r.Policy == nil {
		return strings.Join(out, "\n")
	}
	for _, g := range r.Policy.Groups {
		for _, rule := range g.Ingress {
			ports := fmt.Sprintf(" %d-%d", rule.From, rule.To)
			if rule.Protocol == policy.AllProtocols {
				ports = ""
			}
			peer := rule.Peer.CIDR.String()
			if rule.Peer.Kind == policy.PeerPrefixList {
				peer = "list " + rule.Peer.Name
			}
			out = append(out, fmt.Sprintf("%s: %v%s %s", g.Name, rule.Protocol, ports, peer))
		}
	}
	for _, a := range r.attach {
		out = append(out, a.Device+" has "+strings.Join(a.Groups, ","))
	}
	if r.errors == policy.ICMPErrorsRules {
		out = append(out, "errors by rules")
	}
	return strings.Join(out, "\n")
}

// TestImport: rules in order become rules that only allow, or are said to be none. Of what
// is said it is enough that it begins like that.
func TestImport(t *testing.T) {
	user := &Unsaid{Why: "it asks for the user"}
	limit := &Unsaid{Why: "it limits", Hint: "say so", Grave: true}
	office := Match{Spans: tcp(22), Peers: peers("192.0.2.0/24"), List: "office"}
	accept := func(m Match) Rule { return Rule{Match: m, Verdict: Accept} }
	drop := func(m Match) Rule { return Rule{Match: m, Verdict: Drop} }
	to := func(v Verdict, m Match) Rule { return Rule{Match: m, Verdict: v, To: "A"} }
	web, ssh := Match{Spans: tcp(80)}, Match{Spans: tcp(22)}
	tests := map[string]struct {
		end   Verdict
		rules []Rule
		a     []Rule
		want  string
	}{
		"accepted": {Drop, []Rule{accept(web), accept(office)}, nil,
			"all: tcp 80-80 0.0.0.0/0\nall: tcp 22-22 list office"},
		"dropped after": {Drop, []Rule{accept(web), drop(web)}, nil, "all: tcp 80-80 0.0.0.0/0"},
		"dropped before": {Drop, []Rule{drop(Match{Peers: peers("128.0.0.0/1")}), accept(web)}, nil,
			"all: tcp 80-80 0.0.0.0/1"},
		"a part": {Drop, []Rule{drop(Match{Spans: tcp(80), Peers: peers("128.0.0.0/1")}), accept(web)},
			nil, "all: tcp 80-80 0.0.0.0/1"},
		"jump": {Drop, []Rule{to(Jump, web), accept(ssh)},
			[]Rule{accept(Match{Peers: peers("10.0.0.0/8")})},
			"all: tcp 80-80 10.0.0.0/8\nall: tcp 22-22 0.0.0.0/0"},
		"back from a jump": {Drop, []Rule{to(Jump, web), accept(web)},
			[]Rule{{Verdict: Return}, drop(Match{})}, "all: tcp 80-80 0.0.0.0/0"},
		"not back from goto": {Drop, []Rule{to(Goto, web), accept(Match{Spans: tcp(80, 22)})}, nil,
			"all: tcp 22-22 0.0.0.0/0"},
		"the end of goto is the policy": {Accept, []Rule{to(Goto, Match{Spans: tcp(80)}),
			drop(Match{Spans: []space.Span{{Lo: 0, Hi: space.Last}}})}, nil,
			"all: tcp 80-80 0.0.0.0/0"},
		"return of the first": {Accept, []Rule{{Match: web, Verdict: Return}, drop(Match{})}, nil,
			"all: tcp 80-80 0.0.0.0/0"},
		"other states": {Drop, []Rule{drop(Match{States: Other}),
			accept(Match{States: New, Spans: tcp(80)}), accept(Match{States: Established, Spans: tcp(22)})},
			nil, "all: tcp 80-80 0.0.0.0/0"},
		"never": {Drop, []Rule{accept(Match{Never: true}), accept(web)}, nil,
			"all: tcp 80-80 0.0.0.0/0"},
		"devices": {Drop, []Rule{accept(Match{Spans: tcp(80), Devices: []Device{{Name: "eth0"}}}),
			drop(Match{Devices: []Device{{Name: "eth1"}}}), accept(ssh)}, nil,
			"all: tcp 22-22 0.0.0.0/0\nall-eth0: tcp 80-80 0.0.0.0/0\neth0 has all,all-eth0\n" +
				"eth1 has all-eth1"},
		"all but a device": {Drop, []Rule{accept(Match{Spans: tcp(80), Devices: []Device{{Name: "wg*",
			Not: true}}})}, nil, "all: tcp 80-80 0.0.0.0/0\nwg* has all-wg"},
		"uncertain accept": {Drop, []Rule{accept(Match{Spans: tcp(80), Unsaid: user}), accept(ssh)}, nil,
			"f:2:1: notice: this rule is left out, so what it accepts is dropped: it asks for the user\n" +
				"all: tcp 22-22 0.0.0.0/0"},
		"uncertain and accepted later": {Drop, []Rule{accept(Match{Spans: tcp(80), Unsaid: user}),
			accept(web)}, nil, "all: tcp 80-80 0.0.0.0/0"},
		"uncertain drop": {Drop, []Rule{drop(Match{Spans: tcp(80), Unsaid: user}), accept(web)}, nil,
			"f:2:1: groups cannot say this rule: it asks for the user, and without it a later rule"},
		"uncertain drop of nothing": {Drop, []Rule{drop(Match{Spans: tcp(81), Unsaid: user}),
			accept(web)}, nil, "all: tcp 80-80 0.0.0.0/0"},
		"uncertain return": {Drop, []Rule{{Verdict: Return, Match: Match{Spans: tcp(80), Unsaid: user}},
			accept(web)}, nil, "f:2:1: groups cannot say this rule"},
		"uncertain goto": {Drop, []Rule{to(Goto, Match{Spans: tcp(80), Unsaid: user}), accept(web)}, nil,
			"f:2:1: groups cannot say this rule"},
		"uncertain jump": {Drop, []Rule{to(Jump, Match{Unsaid: user}), accept(web)},
			[]Rule{drop(web)}, "f:2:1: groups cannot say this rule"},
		"grave": {Drop, []Rule{accept(Match{Spans: tcp(80), Unsaid: limit})}, nil,
			"f:2:1: groups cannot say this rule: it limits (hint: say so)"},
		"an unknown list": {Drop, []Rule{accept(Match{Spans: tcp(80), Peers: peers(), List: "pals",
			Unknown: true})}, nil, "f:2:1: notice: pals: the prefix list is not here"},
		"an unknown list after a drop": {Drop, []Rule{drop(Match{Spans: tcp(80),
			Peers: peers("10.0.0.0/8")}), accept(Match{Spans: tcp(80), Peers: peers(), List: "pals",
			Unknown: true})}, nil,
			"f:3:1: the rule on line 2 drops some of this, and who is in \"pals\""},
		"no such chain": {Drop, []Rule{{Verdict: Jump, To: "B"}}, nil,
			"f:2:1: there is no chain \"B\" (hint: give the whole ruleset)"},
		"in circles": {Drop, []Rule{to(Jump, Match{})}, []Rule{to(Jump, Match{})},
			"f:20:1: more than 6000 rules are to be followed, or chains jump to each other"},
		"named": {Drop, []Rule{{Verdict: Drop, Match: Match{Spans: tcp(80), Unsaid: user},
			Name: "rule 7 of A", Code: "user 1 drop"}, accept(web)}, nil,
			"f:2:1: rule 7 of A (user 1 drop): groups cannot say this rule"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lists := Lists{"office": {Name: "office", Entries: []policy.PrefixEntry{
				{CIDR: netip.MustParsePrefix("192.0.2.0/24")}}}}
			got := said(translated([]Firewall{input(test.end, test.rules, test.a)}, lists))
			if got != test.want && !(strings.HasPrefix(test.want, "f:") &&
				strings.HasPrefix(got, test.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestEstablished: connections that are there pass by groups, so they have to pass by the
// chains; related packets need not.
func TestEstablished(t *testing.T) {
	web := Rule{Pos: at(3), Verdict: Accept, Match: Match{Spans: tcp(80)}}
	for states, want := range map[State]string{
		Established | Related: "all: tcp 80-80 0.0.0.0/0",
		Established:           "all: tcp 80-80 0.0.0.0/0\nerrors by rules",
		Related: "f:1:1: this drops packets of connections that are established (IPv4 ingress), " +
			"which always pass here (hint: accept ESTABLISHED,RELATED before it)",
	} {
		f := input(Drop, nil, nil)
		f.In.Rules = []Rule{{Pos: at(2), Verdict: Accept, Match: Match{States: states}}, web}
		if got := said(translated([]Firewall{f}, nil)); got != want {
			t.Errorf("%04b: got\n%s\nwant\n%s", states, got, want)
		}
	}
}

// TestTangled: what cannot be followed in time is said.
func TestTangled(t *testing.T) {
	var rules []Rule
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		rules = append(rules, Rule{Verdict: Drop, Match: Match{Spans: tcp(i + 1),
			Peers: peers(netip.PrefixFrom(a, 32).String())}})
	}
	f := input(Accept, rules, nil)
	r := translated([]Firewall{f}, nil)
	if got := said(r); !strings.Contains(got, "leave so many pieces") {
		t.Errorf("%.300s", got)
	}
}
