package offload

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestTranslated has a guest whose addresses are hidden, and whose port is published: flows
// are carried through both, and their counters have each packet.
func TestTranslated(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	inner, outer := harness.IP("172.17.0.2"), harness.IP("203.0.113.1")
	far := harness.IP("203.0.113.10")
	const published, p, out, rounds = 80, 8080, 443, 200
	harness.Publish(t, fw, published, p, inner)
	harness.PublishUDP(t, fw, published, p, inner)
	harness.Masquerade(t, fw, "eth0")
	harness.Echoes(t, shop, inner, p)
	harness.Echoes(t, client, far, out)
	text := strings.NewReplacer("veth-app", "docker0").Replace(policy(both(p), both(out)))
	d := harness.Enforce(t, fw, text)
	for _, w := range []way{
		{"published", client, shop, far, outer, true},
		{"hidden", shop, client, inner, far, false},
	} {
		to := published
		if !w.inward {
			to = out
		}
		before := d.Status()
		c := w.dial(t, "udp", to, netlab.From(harness.AddrPort(w.src, 0)))
		if lost := asks(c, rounds, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("%s: %d of %d were not answered", w.name, lost, rounds)
		}
		s := w.dial(t, "tcp", to, netlab.From(harness.AddrPort(w.src, 0)))
		if err := echoed(s, random(4<<20)); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		if carried, judged := carriedSince(t, d, before); carried < 2*rounds || judged > 50 {
			t.Errorf("%s: %d were carried, %d judged", w.name, carried, judged)
		}
		local, remote := harness.AddrPort(inner, p).String(), c.LocalAddr().String()
		if !w.inward {
			local, remote = c.LocalAddr().String(), c.RemoteAddr().String()
		}
		if f, ok := d.Flow("udp", local, remote); !ok ||
			!(tally{f.Packets.Ingress, 0}).near(tally{rounds, 0}) ||
			!(tally{f.Packets.Egress, 0}).near(tally{rounds, 0}) {
			t.Errorf("%s: listed %t, %+v, want %d packets each way", w.name, ok, f, rounds)
		}
		goesOn(t, w.name, c)
	}
}
