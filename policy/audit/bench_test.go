package audit

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"sgfw/policy"
)

// big is a policy of 1,000 groups with 60 rules each, ports and ranges, networks of both
// families, groups and lists, on 250 interfaces.
func big() *policy.Policy {
	rng := rand.New(rand.NewPCG(1, 2))
	p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
	for i := range 50 {
		l := policy.PrefixList{Name: fmt.Sprint("list", i)}
		for range 20 {
			a := netip.AddrFrom4([4]byte{byte(1 + rng.IntN(200)), byte(rng.IntN(256)), byte(rng.IntN(256))})
			l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: netip.PrefixFrom(a, 24)})
		}
		p.PrefixLists = append(p.PrefixLists, l)
	}
	line := 1
	for i := range 1000 {
		g := policy.Group{Name: fmt.Sprint("group", i), Pos: policy.Pos{File: "f", Line: line, Col: 1}}
		for k := range 60 {
			line++
			r := policy.Rule{Index: k, Protocol: policy.TCP, From: rng.IntN(60000),
				Pos: policy.Pos{File: "f", Line: line, Col: 3}}
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
				r.Peer = policy.Peer{Kind: policy.PeerGroup, Name: fmt.Sprint("group", rng.IntN(1000))}
			case 1:
				r.Peer = policy.Peer{Kind: policy.PeerPrefixList, Name: fmt.Sprint("list", rng.IntN(50))}
			case 2:
				a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(rng.IntN(256)), byte(rng.IntN(256))})
				r.Peer.CIDR = netip.PrefixFrom(a, 48)
			case 3:
				r.Peer.CIDR = policy.AnyIPv4
			default:
				a := netip.AddrFrom4([4]byte{byte(1 + rng.IntN(220)), byte(rng.IntN(256)), byte(rng.IntN(256))})
				r.Peer.CIDR = netip.PrefixFrom(a, 16+rng.IntN(17)).Masked()
			}
			if k < 50 {
				g.Ingress = append(g.Ingress, r)
			} else {
				g.Egress = append(g.Egress, r)
			}
		}
		p.Groups = append(p.Groups, g)
		line++
	}
	for i := range 250 {
		n := policy.Interface{Device: fmt.Sprint("veth", i)}
		for range 4 {
			n.Groups = append(n.Groups, fmt.Sprint("group", rng.IntN(1000)))
		}
		p.Interfaces = append(p.Interfaces, n)
	}
	return p
}

// BenchmarkAudit audits 60,000 rules in 1,000 groups, and says how much memory that takes.
func BenchmarkAudit(b *testing.B) {
	p := big()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if r := Run(p, Options{Now: time.Now()}); len(r.Findings) < 1000 {
			b.Fatal(len(r.Findings))
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapSys-before.HeapReleased)/(1<<20), "MB-heap")
}
