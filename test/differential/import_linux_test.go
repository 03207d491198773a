package differential

import (
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/compare"
	"sgfw/policy/convert"
	"sgfw/policy/file"
	"sgfw/policy/member"
	"sgfw/policy/nftables"
	"sgfw/policy/space"
	"sgfw/test/naive"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// importedTrials is how many random policies make the way there and back.
const importedTrials = 40

// tooMany is what the import says where it would take very many rules: it knows an exported
// ruleset by what it drops.
const tooMany = "groups only allow, and the rest of it would be"

// TestExportedRulesetIsImported loads exported rulesets into the kernel and imports what nft
// then lists: on each device that has this machine on its side the same may pass as by the
// policy. Groups as peers have become their members, and forwarding and guests are left out.
func TestExportedRulesetIsImported(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("NOT TESTED that exported rulesets are imported again: it needs nft (nftables)")
	}
	host := labtest.New(t, netlab.Topology{Hosts: []netlab.HostSpec{{Name: "fw"}}}).Host("fw")
	w := Gateway()
	// What all other devices have comes back as a group that no device has.
	w.Interfaces = slices.DeleteFunc(w.Interfaces,
		func(n naive.Interface) bool { return n.Device == "*" })
	// Nobody sends from these over a device, or to these: an import may name them or not.
	strange := func(cidrs ...string) (s space.Set) {
		for _, c := range cidrs {
			s = s.Union(space.Box(space.Span{Lo: 0, Hi: space.Last},
				space.PeersOf(netip.MustParsePrefix(c))))
		}
		return s
	}
	nobody := [2]space.Set{
		policy.Ingress: strange("127.0.0.0/8", "::1/128", "224.0.0.0/4", "ff00::/8"),
		policy.Egress:  strange("127.0.0.0/8", "::1/128"),
	}
	devices, rules, refused := 0, 0, 0
	for seed := range uint64(importedTrials) {
		text := Text(w.Policy(rand.New(rand.NewPCG(seed, 3))), "")
		p, problems, err := file.Parse("trial.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", problems, text)
		}
		ruleset, problems := nftables.Export(p)
		if ruleset == nil {
			t.Fatalf("%v\n%s", problems, text)
		}
		load := host.Command("nft", "-f", "-")
		load.Stdin = strings.NewReader(string(ruleset))
		if out, err := load.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s\n%s", err, out, ruleset)
		}
		listed, err := host.Command("nft", "-j", "list", "ruleset").Output()
		if err != nil {
			t.Fatal(err)
		}
		r := nftables.Import([]convert.Source{{Name: "ruleset", Data: listed}}, convert.Options{})
		if r.Policy == nil && strings.Contains(r.Problems.Error(), tooMany) {
			refused++
			continue
		}
		if r.Policy == nil {
			t.Fatalf("%v\n%s\n%s", r.Problems, text, ruleset)
		}
		if a, b := p.Settings.ICMPErrors, r.Policy.Settings.ICMPErrors; a != b {
			t.Errorf("ICMP errors are %s, and %s again", a, b)
		}
		withMembers(p)
		d := compare.Policies(p, r.Policy, compare.BesideRules()...)
		for _, part := range d.Interfaces {
			for dir := range policy.Direction(2) {
				won, lost := part.Opened[dir].Minus(nobody[dir]), part.Closed[dir].Minus(nobody[dir])
				if part.Ungoverned || !won.Empty() || !lost.Empty() {
					t.Errorf("seed %d, %s, %s: governed by one: %t, won %v, lost %v\n%s\n%s", seed, part.Name,
						dir, part.Ungoverned, won.Lines(), lost.Lines(), text, ruleset)
				}
			}
		}
		if t.Failed() {
			return
		}
		devices += len(r.Policy.Interfaces)
		for _, g := range r.Policy.Groups {
			rules += len(g.Ingress) + len(g.Egress)
		}
	}
	t.Logf("%d devices and %d rules came back, %d policies were refused", devices, rules, refused)
	if refused > importedTrials/3 || devices < importedTrials || rules < 3*devices {
		t.Errorf("this shows little: %d devices and %d rules came back", devices, rules)
	}
}

// withMembers puts the members of groups in the place of those that rules name.
func withMembers(p *policy.Policy) {
	members := member.Resolve(p, member.Facts{})
	expand := func(rules []policy.Rule) (out []policy.Rule) {
		for _, r := range rules {
			if r.Peer.Kind != policy.PeerGroup {
				out = append(out, r)
				continue
			}
			for _, c := range members.Addresses(r.Peer.Name) {
				one := r
				one.Peer = policy.Peer{Kind: policy.PeerCIDR, CIDR: c}
				out = append(out, one)
			}
		}
		return out
	}
	for i := range p.Groups {
		p.Groups[i].Ingress, p.Groups[i].Egress = expand(p.Groups[i].Ingress), expand(p.Groups[i].Egress)
	}
}
