package compare

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"sgfw/policy"
)

// big is a policy of 1,000 groups with 60 rules each: ports and ranges, networks of both
// families, other groups and lists.
func big(named string) *policy.Policy {
	rng := rand.New(rand.NewPCG(1, 2))
	p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
	for i := range 50 {
		l := policy.PrefixList{Name: fmt.Sprint("list", i)}
		for range 10 {
			a := netip.AddrFrom4([4]byte{byte(1 + rng.IntN(200)), byte(rng.IntN(256)), byte(rng.IntN(256))})
			l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: netip.PrefixFrom(a, 24)})
		}
		p.PrefixLists = append(p.PrefixLists, l)
	}
	for i := range 1000 {
		g := policy.Group{Name: fmt.Sprint(named, i)}
		for k := range 60 {
			r := policy.Rule{Index: k, Protocol: policy.TCP, From: rng.IntN(60000)}
			r.To = r.From
			switch rng.IntN(6) {
			case 0:
				r.To += rng.IntN(5000)
			case 1:
				r.Protocol = policy.UDP
			case 2:
				r.Protocol, r.From, r.To = policy.AllProtocols, -1, -1
			}
			switch rng.IntN(8) {
			case 0:
				r.Peer = policy.Peer{Kind: policy.PeerGroup, Name: fmt.Sprint(named, rng.IntN(1000))}
			case 1:
				r.Peer = policy.Peer{Kind: policy.PeerPrefixList, Name: fmt.Sprint("list", rng.IntN(50))}
			case 2:
				a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(rng.IntN(256)), byte(rng.IntN(256))})
				r.Peer.CIDR = netip.PrefixFrom(a, 48)
			default:
				a := netip.AddrFrom4([4]byte{10, byte(rng.IntN(256)), byte(rng.IntN(256)), 0})
				r.Peer.CIDR = netip.PrefixFrom(a, 16+rng.IntN(17)).Masked()
			}
			if k < 50 {
				g.Ingress = append(g.Ingress, r)
			} else {
				g.Egress = append(g.Egress, r)
			}
		}
		p.Groups = append(p.Groups, g)
	}
	for i := range 250 {
		n := policy.Interface{Device: fmt.Sprint("veth", i)}
		for k := range 4 {
			n.Groups = append(n.Groups, p.Groups[4*i+k].Name)
		}
		p.Interfaces = append(p.Interfaces, n)
	}
	return p
}

// changed is big with another rule in every tenth group.
func changed() *policy.Policy {
	p := big("group")
	for i := 0; i < len(p.Groups); i += 10 {
		r := &p.Groups[i].Ingress[7]
		r.Protocol, r.From, r.To = policy.TCP, 22, 22
		r.Peer = policy.Peer{CIDR: policy.AnyIPv4}
	}
	return p
}

// BenchmarkPolicies compares 60,000 rules in 1,000 groups: with another rule in every tenth
// group, and with other names for all of them.
func BenchmarkPolicies(b *testing.B) {
	before := big("group")
	for name, after := range map[string]*policy.Policy{"changed": changed(), "renamed": big("other")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				lines := 0
				d := Policies(before, after)
				for _, parts := range [][]Part{d.Groups, d.Interfaces} {
					for _, p := range parts {
						for dir := range p.Opened {
							lines += len(p.Opened[dir].Lines()) + len(p.Closed[dir].Lines())
						}
					}
				}
				if (name == "renamed") != (lines == 0) {
					b.Fatal(lines, " lines")
				}
			}
		})
	}
}

// TestMemory bounds what a comparison of that size holds.
func TestMemory(t *testing.T) {
	before, after := big("group"), changed()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	held, allocated := m.HeapAlloc, m.TotalAlloc
	d := Policies(before, after)
	runtime.ReadMemStats(&m)
	t.Logf("%d MB allocated in all", (m.TotalAlloc-allocated)>>20)
	runtime.GC()
	runtime.ReadMemStats(&m)
	if n := int64(m.HeapAlloc) - int64(held); n > 50<<20 {
		t.Errorf("a difference holds %d MB", n>>20)
	}
	if len(d.Groups) != 100 {
		t.Errorf("%d groups differ", len(d.Groups))
	}
}
