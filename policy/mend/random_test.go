package mend

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/file"
)

// TestRandom: what goes of random groups, written in random ways, changes nothing of what may
// pass, nor which flows are tracked (T2); and nothing is left to go.
func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	changed, left := 0, 0
	for n := range 600 {
		text := randomPolicy(rng)
		d := mended(t, text, audit.Options{})
		left += len(d.Left)
		if len(d.Changes) == 0 {
			continue
		}
		changed++
		same(t, fmt.Sprint(n), text, string(d.Fixed))
		before, after := openOf(t, text), openOf(t, string(d.Fixed))
		if strings.Contains(text, "tracking: aws") && !slices.Equal(before, after) {
			t.Fatalf("%v are open, were %v\n%s\n%s", after, before, text, d.Text)
		}
		if again := mended(t, string(d.Fixed), audit.Options{}); len(again.Changes) > 0 &&
			len(d.Left) == 0 {
			// A list that stays for another port may go once that has gone.
			if third := mended(t, string(again.Fixed), audit.Options{}); len(third.Changes) > 0 {
				t.Fatalf("a third time:\n%s\n%s\n%s", d.Text, again.Text, third.Text)
			}
		}
		if n%40 == 0 {
			if got := patched(t, text, d.Text); got != string(d.Fixed) {
				t.Fatalf("%s\ngives\n%s", d.Text, got)
			}
		}
	}
	if changed < 300 || left > changed/10 {
		t.Errorf("%d of 600 changed, %d changes were left out", changed, left)
	}
}

// openOf are the ports that rules for everybody permit, and the directions in which one such
// rule permits all, by direction and family: what makes flows untracked.
func openOf(t *testing.T, text string) (out []string) {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	each(p, func(at side, rules []policy.Rule) {
		for _, any := range []netip.Prefix{policy.AnyIPv4, policy.AnyIPv6} {
			open, whole := map[int]bool{}, false
			for _, r := range rules {
				if r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR != any {
					continue
				}
				from, to := r.From, min(r.To, 100)
				if r.Protocol == policy.AllProtocols {
					from, to = 0, 100
				}
				whole = whole || r.Protocol == policy.AllProtocols || from == 0 && r.To == policy.MaxPort
				for port := from; port <= to; port++ {
					open[port] = true
				}
			}
			ports := []string{fmt.Sprint(at, any, whole)}
			for port := range open {
				ports = append(ports, fmt.Sprint(port))
			}
			slices.Sort(ports)
			out = append(out, strings.Join(ports, " "))
		}
	})
	return out
}

// randomPolicy is a group of few ports and networks, which are often superfluous.
func randomPolicy(rng *rand.Rand) string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if rng.IntN(2) == 0 {
		b.WriteString("settings: { tracking: aws }\n")
	}
	b.WriteString("security_groups:\n- name: web\n  description: Pages\n")
	for _, key := range []string{"ingress", "egress"} {
		fmt.Fprintf(&b, "  %s:\n", key)
		used := map[string]bool{}
		for k := 2 + rng.IntN(4); k > 0; k-- {
			block := randomBlock(rng, used)
			if block == "" {
				continue
			}
			if rng.IntN(4) == 0 {
				b.WriteString("    # Rule " + fmt.Sprint(k) + "\n")
			}
			b.WriteString(block)
			if rng.IntN(4) == 0 {
				b.WriteString("\n")
			}
		}
		fmt.Fprintf(&b, "    - { protocol: udp, ports: 9, self: true }\n")
	}
	return b.String()
}

// randomBlock is a block of which no rule is used twice, "" if it would be empty.
func randomBlock(rng *rand.Rand, used map[string]bool) string {
	ports := []string{"1", "2", "1-3", "3", "0-65535"}[rng.IntN(5):]
	ports = ports[:1+rng.IntN(min(2, len(ports)))]
	var v4, v6 []string
	for range 1 + rng.IntN(3) {
		c := []string{"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1",
			"::/0", "2001:db8::/32"}[rng.IntN(8)]
		ok := !slices.Contains(v4, c) && !slices.Contains(v6, c)
		for _, p := range ports {
			ok = ok && !used[p+c]
		}
		for _, p := range ports {
			used[p+c] = used[p+c] || ok
		}
		switch {
		case !ok:
		case strings.Contains(c, ":"):
			v6 = append(v6, c)
		default:
			v4 = append(v4, c)
		}
	}
	if len(v4)+len(v6) == 0 {
		return ""
	}
	text := "ports: [" + strings.Join(ports, ", ") + "]"
	if rng.IntN(2) == 0 {
		text = "{ protocol: tcp, " + text
		if len(v4) > 0 {
			text += ", cidr_blocks: [" + strings.Join(v4, ", ") + "]"
		}
		if len(v6) > 0 {
			text += ", ipv6_cidr_blocks: ['" + strings.Join(v6, "', '") + "']"
		}
		return "    - " + text + " }\n"
	}
	text = "    - protocol: tcp\n      " + text + " # ports\n"
	for _, l := range []struct {
		key   string
		items []string
	}{{"cidr_blocks", v4}, {"ipv6_cidr_blocks", v6}} {
		if len(l.items) == 0 {
			continue
		}
		text += "      " + l.key + ":\n"
		for _, c := range l.items {
			text += "        - " + c + " # " + c + "\n"
		}
	}
	return text
}
