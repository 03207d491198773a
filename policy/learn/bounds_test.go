package learn_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/learn"
)

// nth is an address of 10.0.0.0/8, no two of which are neighbours.
func nth(i int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(i)*2)))
}

// TestManyPeers: more peers than a group has rules are widened, those that need it most, and
// more than are remembered are everybody. All of them pass, and so do those of other services.
func TestManyPeers(t *testing.T) {
	for _, c := range []struct {
		peers int
		says  string
	}{
		{900, ""}, {3000, "Widened to /24: a group has at most 1000 rules."},
		{learn.MaxPeers + 1, "Open to everyone by IPv4: there were more addresses than are"},
	} {
		r := learn.NewRecord()
		var seen []learn.Sighting
		add := func(text string, peer netip.Addr) {
			s := saw(t, text)
			s.Peer = peer
			r.Add(s)
			seen = append(seen, s)
		}
		for i := range c.peers {
			add("eth0 ingress tcp 443 10.0.0.0", nth(i))
		}
		for i := range 50 {
			add("eth0 ingress tcp 22 10.0.0.0", nth(i))
		}
		result, text := made(t, r, learn.Options{Devices: eth0})
		rs := compiled(result.Policy)
		for _, s := range seen {
			if !accepts(rs, s) {
				t.Fatalf("%d: %+v does not pass", c.peers, s)
			}
		}
		folded := strings.Join(strings.Fields(strings.ReplaceAll(text, "#", "")), " ")
		if c.says == "" && strings.Contains(text, "Widened") || !strings.Contains(folded, c.says) {
			t.Errorf("%d: no %q in\n%.2000s", c.peers, c.says, text)
		}
		if stranger := saw(t, "eth0 ingress tcp 22 10.0.0.1"); accepts(rs, stranger) {
			t.Errorf("%d: SSH is open to a stranger, too", c.peers)
		}
		if n := len(result.Policy.Groups[0].Ingress); n > policy.MaxRulesPerInterface {
			t.Errorf("%d peers are %d rules", c.peers, n)
		}
	}
}

// TestManyServices: more services than a group has rules become ranges of ports, more than are
// remembered are lost and counted.
func TestManyServices(t *testing.T) {
	r := learn.NewRecord()
	var seen []learn.Sighting
	for i := range learn.MaxServices + 10 {
		s := saw(t, "eth0 egress tcp 1 10.0.0.1")
		s.From, s.To = 2*i, 2*i
		r.Add(s)
		seen = append(seen, s)
	}
	if r.Lost() != 10 || r.Services() != learn.MaxServices || r.Count() != learn.MaxServices {
		t.Errorf("lost %d, services %d, count %d", r.Lost(), r.Services(), r.Count())
	}
	result, text := made(t, r, learn.Options{Devices: eth0})
	rs := compiled(result.Policy)
	for _, s := range seen[:learn.MaxServices] {
		if !accepts(rs, s) {
			t.Fatalf("%+v does not pass\n%s", s, text)
		}
	}
	if len(result.Policy.Groups[0].Egress) != 1 || !strings.Contains(text, "All ports between") {
		t.Errorf("%s", text)
	}
}

// TestManyScattered: services that have a peer each, all over the place, are bounded, too.
func TestManyScattered(t *testing.T) {
	r := learn.NewRecord()
	var seen []learn.Sighting
	for i := range learn.MaxServices {
		s := saw(t, "eth0 egress udp 1 10.0.0.1")
		s.From, s.To, s.Peer = 2*i, 2*i, nth(i*500)
		r.Add(s)
		seen = append(seen, s)
	}
	result, text := made(t, r, learn.Options{Devices: eth0})
	rs := compiled(result.Policy)
	for _, s := range seen {
		if !accepts(rs, s) {
			t.Fatalf("%+v does not pass\n%.2000s", s, text)
		}
	}
	if n := len(result.Policy.Groups[0].Egress); n > policy.MaxRulesPerInterface {
		t.Errorf("%d rules", n)
	}
}

// TestFullRecord: a record that is as full as it can be becomes a policy soon.
func TestFullRecord(t *testing.T) {
	r := learn.NewRecord()
	const each = learn.MaxSightings / learn.MaxServices
	for i := range learn.MaxServices {
		for j := range each {
			s := saw(t, "eth0 ingress tcp 1 10.0.0.1")
			s.From, s.To, s.Peer = 2*i, 2*i, nth(i*each+j)
			r.Add(s)
		}
	}
	begin := time.Now()
	result := r.Policy(learn.Options{Devices: eth0})
	if took := time.Since(begin); took > 20*time.Second || result.Policy == nil {
		t.Errorf("it takes %v: %v", took, result.Problems)
	} else {
		t.Logf("%d rules in %v", len(result.Policy.Groups[0].Ingress), took)
	}
}
