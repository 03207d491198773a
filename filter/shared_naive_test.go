package filter

import (
	"math/rand/v2"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
)

// naiveFlow is a flow of UDP by the letter of T26: whose it is, and its two ends as
// the device sees them.
type naiveFlow struct {
	owner         string
	local, remote [4]byte
	lport, rport  uint16
}

// TestSharedScopesAgainstNaive sends random datagrams between few addresses through
// all hooks of devices that share scopes or do not, and compares each verdict with a
// list of flows.
func TestSharedScopesAgainstNaive(t *testing.T) {
	parity.Proves(t, "T26", "D7")
	rng := rand.New(rand.NewPCG(26, 7))
	devices := []string{"eth0", "eth1", "eth2"} // indexes 2, 3, 4
	addrs := [][4]byte{us, client, other}
	ports := []uint16{53, 54, 55}
	var passed, dropped, twice, selfish int
	for range 200 {
		p := &policy.Policy{Settings: policy.DefaultSettings}
		owners := make([]string, len(devices))
		permits := make([][2][]uint16, len(devices))
		for i, d := range devices {
			g := policy.Group{Name: d}
			for _, port := range ports {
				for dir, rules := range []*[]policy.Rule{&g.Ingress, &g.Egress} {
					if rng.IntN(4) == 0 {
						r := tcpRule(int(port), "0.0.0.0/0")
						r.Protocol = policy.UDP
						*rules = append(*rules, r)
						permits[i][dir] = append(permits[i][dir], port)
					}
				}
			}
			in := policy.Interface{Device: d, Groups: []string{d}, Timeouts: policy.DefaultTimeouts,
				Scope: []string{"", "a", "b"}[rng.IntN(3)]}
			if owners[i] = "scope " + in.Scope; in.Scope == "" {
				owners[i] = d
			}
			p.Groups, p.Interfaces = append(p.Groups, g), append(p.Interfaces, in)
		}
		b := newBench(t, p)
		b.Publish(b.compiler.Compile(p, nil).WithLinks(sharedLinks))
		flows := make(map[naiveFlow]bool)
		cross := func(i int, d conntrack.Direction, src, dst [4]byte, sport, dport uint16) bool {
			f := naiveFlow{owners[i], dst, src, dport, sport}
			if d == conntrack.Egress {
				f = naiveFlow{owners[i], src, dst, sport, dport}
			}
			if flows[f] {
				return true
			}
			for _, port := range permits[i][d] {
				if port == dport {
					if src != dst || sport != dport {
						flows[f] = true
					}
					return true
				}
			}
			return false
		}
		for range 300 {
			src, dst := addrs[rng.IntN(len(addrs))], addrs[rng.IntN(len(addrs))]
			sport, dport := ports[rng.IntN(len(ports))], ports[rng.IntN(len(ports))]
			in, out := rng.IntN(len(devices)), rng.IntN(len(devices))
			var got Verdict
			var want bool
			switch raw := udp4(src, dst, sport, dport); rng.IntN(3) {
			case 0:
				got = b.cross(HookInput, uint32(2+in), 0, raw)
				want = cross(in, conntrack.Ingress, src, dst, sport, dport)
			case 1:
				got = b.cross(HookOutput, 0, uint32(2+out), raw)
				want = cross(out, conntrack.Egress, src, dst, sport, dport)
			default:
				got = b.cross(HookForward, uint32(2+in), uint32(2+out), raw)
				want = cross(in, conntrack.Ingress, src, dst, sport, dport) &&
					cross(out, conntrack.Egress, src, dst, sport, dport)
				if owners[in] == owners[out] {
					twice++
				}
			}
			if got.Accept() != want {
				t.Fatalf("%v:%d to %v:%d in %s out %s: %s, want pass %t", src, sport, dst, dport, devices[in],
					devices[out], got.Reason, want)
			}
			if want {
				passed++
			} else {
				dropped++
			}
			if src == dst && sport == dport {
				selfish++
			}
		}
	}
	if total := passed + dropped; min(passed, dropped) < total/5 || twice < total/20 ||
		selfish < total/50 {
		t.Errorf("%d passed, %d dropped, %d crossed a scope twice, %d were their own answer: too few "+
			"of something", passed, dropped, twice, selfish)
	}
}
